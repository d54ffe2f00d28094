"""Build and measure the Docker images."""
