variable "name" {
  type    = string
  default = "cws-demo-{{timestamp}}"
}
variable "endpoint" { type = string }
variable "command" {
  type    = string
  default = "true"
}
variable "hidden" {
  type      = string
  default   = "none"
  sensitive = true
}
source "amazon-ebs" "x" {
  access_key                 = "a"
  secret_key                 = "b"
  region                     = "us-east-1"
  custom_endpoint_ec2        = var.endpoint
  skip_credential_validation = true
  skip_metadata_api_check    = true
  skip_region_validation     = true
  source_ami_filter {
    filters = {
      name             = "ubuntu/images/*"
      root-device-type = "ebs"
    }
    owners      = ["099720109477"]
    most_recent = true
  }
  instance_type = "t3.micro"
  communicator  = "none"
  ami_name      = var.name
  aws_polling {
    delay_seconds = 1
    max_attempts  = 20
  }
}
build {
  name    = "demo"
  sources = ["source.amazon-ebs.x"]
  provisioner "shell-local" {
    environment_vars = ["HIDDEN=${var.hidden}"]
    inline           = [var.command]
  }
}
