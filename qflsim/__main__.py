"""`python -m qflsim` is the `qflsim` command."""

from qflsim.cli import main

main()
