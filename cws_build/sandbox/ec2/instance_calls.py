"""The calls that start, stop and end instances; workers do the slow part on the machines."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

from cws_build.sandbox.ec2.beginnings import begin
from cws_build.sandbox.ec2.disks import overlay
from cws_build.sandbox.ec2.launch_source import find_image
from cws_build.sandbox.ec2.machine import set_state
from cws_build.sandbox.ec2.paging import page
from cws_build.sandbox.ec2.retire_calls import RetireCalls
from cws_build.sandbox.ec2.sharing import find_snapshot
from cws_build.sandbox.keys import key_problem
from cws_build.sandbox.seed import user_data

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from cws_build.sandbox.ec2.images import Image


MOST_USER_DATA = 16384
"""Bytes of user data at most, before base64."""


class InstanceCalls(RetireCalls):
    """RunInstances and what follows it."""

    def run_instances(self) -> ActionResult:
        """Begin instances: pending now, running when their machines run."""
        fingerprint = self._fingerprint()
        again = self._repeated_run(fingerprint)
        if again is not None:
            return again
        template = self._launch_template()
        image = find_image(self.here, self.current_account, self._get_param("ImageId") or template.get("ImageId", ""))
        self.params["ImageId"] = image.id
        self._check_type(image, template)
        self._check_key(template)
        self._check_user_data()
        self._check_profile()
        self._place()
        sealed = self._fill_disks(image, template)
        self._fill_metadata(image)
        self.params["MinCount"] = self._get_param("MaxCount") or self._get_param("MinCount") or 1
        answer = self._launched(image)
        reservation: Any = answer.result
        for instance in reservation.instances:
            begin(self.here, instance, image)
            self.here.machines[instance.id].sealed = sealed
        token = self._get_param("ClientToken")
        if token:
            self.here.run_tokens[token] = (fingerprint, reservation)
        return answer

    def _launched(self, image: Image) -> ActionResult:
        """Let moto make the instances, with the snapshots of an image that may be another account's."""
        self.here.lent = {disk.snapshot for disk in image.record.disks}
        try:
            answer: ActionResult = super().run_instances()
        finally:
            self.here.lent = set()
        return answer

    def _fingerprint(self) -> str:
        """Write down what was asked for, before anything is filled in; a dry run asks for the same."""
        left_out = {"ClientToken", "DryRun"}
        return json.dumps({k: v for k, v in self.params.items() if k not in left_out}, sort_keys=True, default=str)

    def _repeated_run(self, fingerprint: str) -> ActionResult | None:
        known = self.here.run_tokens.get(self._get_param("ClientToken", ""))
        if known is None:
            return None
        first, reservation = known
        if first != fingerprint:
            raise EC2ClientError(
                "IdempotentParameterMismatch",
                "The client token you have provided is associated with a resource that was created with "
                "different parameters.",
            )
        return ActionResult(reservation)

    def _launch_template(self) -> dict[str, Any]:
        given = self._get_param("LaunchTemplate", {})
        if not given:
            return {}
        return dict(self.here._get_template_from_args(given).data)  # noqa: SLF001 - moto's only reader of templates

    def _check_type(self, image: Image, template: dict[str, Any]) -> None:
        kind = self._get_param("InstanceType") or template.get("InstanceType", "m1.small")
        if kind not in INSTANCE_TYPES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
        able = INSTANCE_TYPES[kind].get("ProcessorInfo", {}).get("SupportedArchitectures", [])
        wanted = image.architecture
        if able and wanted not in able:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"The architecture '{','.join(able)}' of the specified instance type does not match the "
                f"architecture '{wanted}' of the specified AMI. Specify an instance type and an AMI that have "
                "matching architectures, and try again.",
            )
        world = self.here.world
        if world.bases and wanted != world.architecture:
            raise EC2ClientError(
                "Unsupported",
                f"The sandbox runs machines on this computer's own processor ({world.architecture}); "
                f"it cannot run {image.id}, which is for {wanted}.",
            )

    def _check_key(self, template: dict[str, Any]) -> None:
        key = self._get_param("KeyName") or template.get("KeyName")
        if key and key not in self.here.key_pairs:
            raise EC2ClientError("InvalidKeyPair.NotFound", f"The key pair '{key}' does not exist")

    def _check_user_data(self) -> None:
        if len(user_data(self._get_param("UserData"))) > MOST_USER_DATA:
            raise EC2ClientError("InvalidParameterValue", f"User data is limited to {MOST_USER_DATA} bytes")

    def _check_profile(self) -> None:
        from moto.iam.models import iam_backends

        profiles = list(iam_backends[self.current_account][self.partition].instance_profiles.values())
        for field, known in (("Name", {p.name for p in profiles}), ("Arn", {p.arn for p in profiles})):
            wanted = self._get_param(f"IamInstanceProfile.{field}")
            if wanted and wanted not in known:
                raise EC2ClientError(
                    "InvalidParameterValue",
                    f"Value ({wanted}) for parameter iamInstanceProfile.{field.lower()} is invalid. "
                    f"Invalid IAM Instance Profile {'name' if field == 'Name' else 'ARN'}",
                )

    def _place(self) -> None:
        """Choose a subnet where none is named, and keep addresses inside the sandbox's block."""
        nics = self._get_param("NetworkInterfaces", [])
        named = self._get_param("SubnetId") or next((n["SubnetId"] for n in nics if "SubnetId" in n), None)
        if named is None:
            subnets = self.here.get_default_subnets()
            zone = self._get_param("Placement.AvailabilityZone") or min(subnets)
            if zone not in subnets:
                raise EC2ClientError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
            named = subnets[zone].id
            if nics:
                nics[0]["SubnetId"] = named
            else:
                self.params["SubnetId"] = named
        subnet = self.here.get_subnet(named)
        if not (nics or self._get_param("SecurityGroupIds") or self._get_param("SecurityGroups")):
            default = self.here.get_default_security_group(subnet.vpc_id)
            self.params["SecurityGroupIds"] = [default.id] if default else []
        network = ipaddress.IPv4Network(subnet.cidr_block)
        block = self.here.world.block
        if not network.subnet_of(block):
            raise EC2ClientError(
                "Unsupported",
                f"The sandbox can reach machines in {block} only, and {named} is {network}: "
                "name no subnet, or make one inside the default VPC.",
            )

    def _fill_disks(self, image: Image, template: dict[str, Any]) -> bool:
        """Combine the image's disks with those asked for; tells whether one has a key that cannot be used."""
        wanted = self._get_param("BlockDeviceMappings", []) or template.get("BlockDeviceMappings", [])
        disks = overlay(image.record.disks, wanted)
        for disk in disks:
            known = find_snapshot(self.here, disk.snapshot)
            least = int(known.volume.size) if known else 1
            if disk.size < least:
                raise EC2ClientError(
                    "InvalidBlockDeviceMapping",
                    f"Volume of size {disk.size}GB is smaller than snapshot '{disk.snapshot}', "
                    f"expect size >= {least}GB",
                )
            if disk.encrypted or self._encrypts_by_default():
                disk.encrypted, disk.kms_key = True, self._with_key(disk.kms_key).key
        self.params["BlockDeviceMappings"] = [disk.mapping() for disk in disks]
        keys = [disk.kms_key for disk in (*disks, *image.record.disks)]
        return any(key_problem(key, self.current_account) for key in keys)

    def _fill_metadata(self, image: Image) -> None:
        options = self.params.setdefault("MetadataOptions", {})
        if image.record.imds_support == "v2.0":
            options.setdefault("HttpTokens", "required")
            options.setdefault("HttpPutResponseHopLimit", 2)

    def start_instances(self) -> ActionResult:
        """Start stopped instances."""
        chosen = self._chosen({"stopped", "pending", "running"}, "started")
        stopped = {i.id for i in chosen if i.state == "stopped"}
        answer = super().start_instances()
        for instance in chosen:
            set_state(instance, "pending" if instance.id in stopped else self._was(instance))
            self.here.machines[instance.id].show_public(shown=True)
        return answer

    def _was(self, instance: Instance) -> str:
        machine = self.here.machines.get(instance.id)
        return "pending" if machine and machine.busy else str(instance.state)

    def stop_instances(self) -> ActionResult:
        """Stop instances."""
        chosen = self._chosen({"running", "pending", "stopping", "stopped"}, "stopped")
        before = {i.id: str(i.state) for i in chosen}
        answer = super().stop_instances()
        for instance in chosen:
            set_state(instance, "stopped" if before[instance.id] == "stopped" else "stopping")
        return answer

    def reboot_instances(self) -> EmptyResult:
        """Reboot running instances."""
        for instance in self._chosen({"running"}, "rebooted"):
            self.here.machines[instance.id].reboot = True
        self.error_on_dryrun()
        return EmptyResult()

    def _chosen(self, states: set[str], word: str) -> list[Instance]:
        chosen = self.here.get_multi_instances_by_id(self._get_param("InstanceIds", []))
        for instance in chosen:
            if instance.state not in states:
                raise EC2ClientError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be {word}.",
                )
        return list(chosen)

    def describe_instances(self) -> ActionResult:
        """Find instances, in pages."""
        ids, filters = self._get_param("InstanceIds", []), self._filters_from_querystring()
        if ids and self._get_param("MaxResults"):
            raise EC2ClientError(
                "InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults",
            )
        self.error_on_dryrun()
        if ids:
            found = self.here.get_reservations_by_instance_ids(ids, filters=filters)
        else:
            found = self.here.describe_instances(filters=filters)
        items, token = page(found, self._get_param("MaxResults"), self._get_param("NextToken"))
        return ActionResult({"Reservations": items, "NextToken": token})

    def get_console_output(self) -> ActionResult:
        """Show what the machine printed while it booted, and its journal since."""
        instance = self.here.get_instance(self._get_param("InstanceId"))
        machine = self.here.machines.get(instance.id)
        text = machine.console if machine else ""
        output = Base64EncodedString.from_raw_string(text) if text else ""
        return ActionResult({"InstanceId": instance.id, "Timestamp": utcnow(), "Output": output})
