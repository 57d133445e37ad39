"""A cloud in a box: the EC2 API by moto, machines by podman."""
