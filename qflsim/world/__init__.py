"""The world: who moves where, which sites stand, what fails, how fast processors are."""
