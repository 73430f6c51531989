"""What is learned: graphs, training tasks, optimizers, updates and their aggregation."""
