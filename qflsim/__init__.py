"""qflsim: a discrete-event simulator of quantum federated learning over 6G radio networks."""
