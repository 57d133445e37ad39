# The plugins that the build needs. Packer before 1.7 has them built in and rejects this block,
# hence a file of its own, which is left away for such a Packer.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8"
    }
    ansible = {
      source  = "github.com/hashicorp/ansible"
      version = ">= 1.1.0"
    }
  }
}
