"""The answers of the calls that retire and restrict images, compared with botocore's service model."""

from __future__ import annotations

from sandbox import rig
from sandbox.test_shapes import Watched

KEPT = {"RetentionPeriodValue": 7, "RetentionPeriodUnit": "DAYS"}
INSTANCES = [{"ResourceType": "ec2:Instance"}]


def test_answers_match_the_service_model(sandbox):
    here = Watched(rig.client(sandbox))
    for kind in ("EC2_IMAGE", "EBS_SNAPSHOT"):
        rig.client(sandbox, "rbin").create_rule(ResourceType=kind, RetentionPeriod=KEPT)
    image = rig.make_image(here.client, "shape")
    image_id, snapshot = image["ImageId"], image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    rig.run(here.client, ImageId=image_id)
    here("enable_image_deregistration_protection", ImageId=image_id, WithCooldown=False)
    here("disable_image_deregistration_protection", ImageId=image_id)
    here("describe_image_attribute", ImageId=image_id, Attribute="lastLaunchedTime")
    here("describe_image_references", ImageIds=[image_id], IncludeAllResourceTypes=True)
    here("describe_instance_image_metadata")
    here("get_image_ancestry", ImageId=image_id)
    report = here("create_image_usage_report", ImageId=image_id, ResourceTypes=INSTANCES)["ReportId"]
    here("describe_image_usage_reports")
    here("describe_image_usage_report_entries")
    here("delete_image_usage_report", ReportId=report)
    here("get_image_block_public_access_state")
    here("disable_image_block_public_access")
    here("enable_image_block_public_access", ImageBlockPublicAccessState="block-new-sharing")
    here("get_snapshot_block_public_access_state")
    here("enable_snapshot_block_public_access", State="block-new-sharing")
    here("disable_snapshot_block_public_access")
    criterion = {"ImageProviders": ["amazon"], "CreationDateCondition": {"MaximumDaysSinceCreated": 3}}
    here("replace_image_criteria_in_allowed_images_settings", ImageCriteria=[criterion])
    here("enable_allowed_images_settings", AllowedImagesSettingsState="audit-mode")
    here("get_allowed_images_settings")
    here("describe_images", MaxResults=3)
    here("disable_allowed_images_settings")
    here("deregister_image", ImageId=image_id, DeleteAssociatedSnapshots=True)
    here("list_images_in_recycle_bin")
    here("list_snapshots_in_recycle_bin")
    here("restore_snapshot_from_recycle_bin", SnapshotId=snapshot)
    here("restore_image_from_recycle_bin", ImageId=image_id)
    assert here.seen == {key: [] for key in here.seen}
