"""cws-build: bake workstation images and provision what an image lacks, from one template."""
