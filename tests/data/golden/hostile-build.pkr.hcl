# hostile 0.0.0 for x86_64, rendered by cws-build.
# By hand:   packer build -var region=REGION THIS-FOLDER
# A bake sets the variables itself and publishes the digest tag only when the image has proved good.

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "source_ami" {
  description = "Image to start from; empty: the newest of the base's own publisher."
  type        = string
  default     = ""
}

variable "first_layer" {
  description = "Number of the first layer that the source image lacks, from 1."
  type        = number
  default     = 1
}

variable "checkpoint" {
  description = "When a layer fails: make an image of the layers before it instead of giving up."
  type        = bool
  default     = false
}

variable "ami_name" {
  type    = string
  default = "cws-hostile-x86_64-1f26419d3e31"
}

variable "image_tags" {
  description = "Tags of the image and its snapshots."
  type        = map(string)
  default     = { "Name" = "hostile 0.0.0", "cws:architecture" = "x86_64", "cws:base" = "debian-12", "cws:digest" = "1f26419d3e31f4591b6328c9700916ae9244ed28967037f0e21f53a3144932f0", "cws:layers" = "base=acfafc25ba43 pip=75e8fc88ac11 services=e04a967f5a38 post_install=1f26419d3e31", "cws:template" = "hostile", "cws:version" = "0.0.0" }
}

variable "run_tags" {
  description = "Tags of the builder and its volumes."
  type        = map(string)
  default     = { "Name" = "cws-build hostile" }
}

variable "instance_type" {
  type    = string
  default = "t3.large"
}

variable "volume_gb" {
  type    = number
  default = 20
}

variable "root_device" {
  type    = string
  default = "/dev/xvda"
}

variable "ssh_keypair_name" {
  description = "Key pair to use; empty: Packer makes one and removes it."
  type        = string
  default     = ""
}

variable "ssh_private_key_file" {
  type    = string
  default = ""
}

variable "ssh_interface" {
  type    = string
  default = ""
}

variable "security_group_id" {
  type    = string
  default = ""
}

variable "subnet_id" {
  type    = string
  default = ""
}

variable "iam_instance_profile" {
  type    = string
  default = ""
}

variable "endpoint" {
  description = "Another EC2 endpoint, such as the sandbox's; empty: AWS."
  type        = string
  default     = ""
}

variable "poll_seconds" {
  type    = number
  default = 5
}

variable "ansible_command" {
  type    = string
  default = "ansible-playbook"
}

source "amazon-ebs" "image" {
  region                     = var.region
  custom_endpoint_ec2        = var.endpoint
  skip_credential_validation = var.endpoint != ""
  skip_metadata_api_check    = var.endpoint != ""
  skip_region_validation     = var.endpoint != ""
  source_ami                 = var.source_ami
  instance_type              = var.instance_type
  iam_instance_profile       = var.iam_instance_profile
  security_group_id          = var.security_group_id
  subnet_id                  = var.subnet_id
  communicator               = "ssh"
  ssh_username               = "admin"
  ssh_keypair_name           = var.ssh_keypair_name
  ssh_private_key_file       = var.ssh_private_key_file
  ssh_interface              = var.ssh_interface
  ssh_timeout                = "10m"
  ami_name                   = var.ami_name
  ami_description            = "first \u0024{upper(\"x\")} $\u0024{a} %\u0025{b} \u0025{ for x in [] } { {timestamp}} { {user `x`}} {% raw %} {# no #} \\n \"q\" 'a'\tsecond line\nthird 🐍 é \u2028 end"
  tags                       = var.image_tags
  snapshot_tags              = var.image_tags
  run_tags                   = var.run_tags
  run_volume_tags            = var.run_tags

  dynamic "source_ami_filter" {
    for_each = var.source_ami == "" ? [1] : []

    content {
      filters = {
        name                = "debian-12-amd64-*"
        architecture        = "x86_64"
        root-device-type    = "ebs"
        virtualization-type = "hvm"
      }
      owners      = ["136693071363"]
      most_recent = true
    }
  }

  launch_block_device_mappings {
    device_name           = var.root_device
    volume_size           = var.volume_gb
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  aws_polling {
    delay_seconds = var.poll_seconds
    max_attempts  = 720
  }
}

build {
  name    = "hostile"
  sources = ["source.amazon-ebs.image"]

  provisioner "ansible" {
    playbook_file = "${path.root}/../project/playbook.yml"
    command       = var.ansible_command
    user          = "admin"
    use_proxy     = false
    ansible_env_vars = [
      "ANSIBLE_CONFIG=${path.root}/../project/ansible.cfg",
      "ANSIBLE_FORCE_COLOR=0",
      "ANSIBLE_NOCOLOR=1",
      "PYTHONUNBUFFERED=1",
    ]
    extra_arguments = [
      "--extra-vars", "cws_first_layer=${var.first_layer} cws_checkpoint=${var.checkpoint} cws_sysprep=true",
    ]
  }
}
