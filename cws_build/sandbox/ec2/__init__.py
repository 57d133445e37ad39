"""The overlay over moto's EC2: what moto leaves out or gets wrong, and a bake or a launch depends on."""
