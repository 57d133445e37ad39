"""Parameters that name images: versions, labels, paths, over the wire."""

from __future__ import annotations

import pytest
from botocore.stub import Stubber

from cws_build.drivers.aws import Account
from cws_build.errors import CloudError, LimitExceeded, ResourceNotFound
from tests.image_box import HOME, box_in


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with box_in(tmp_path_factory.mktemp("parameters")) as box:
        yield box


@pytest.fixture(scope="module")
def images(box):
    return box.image(), box.image()


def test_each_write_is_a_version_and_tags_are_those_of_the_first(box, images):
    parameters = box.account.parameters()
    assert parameters.put("/cws/studio", images[0], {"cws:template": "studio"}) == 1
    assert parameters.put("/cws/studio", images[1], {"cws:template": "other"}) == 2
    found = parameters.get("/cws/studio")
    assert (found.name, found.value, found.version, found.labels) == ("/cws/studio", images[1], 2, ())
    assert found.modified
    tags = box.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId="/cws/studio")["TagList"]
    assert tags == [{"Key": "cws:template", "Value": "studio"}]
    told = box.client("ssm").get_parameter(Name="/cws/studio")["Parameter"]
    assert told["DataType"] == "aws:ec2:image"


def test_a_label_moves_from_version_to_version(box, images):
    parameters = box.account.parameters()
    for image in images:
        parameters.put("/cws/moving", image, {})
    assert parameters.get("/cws/moving", "stable") is None
    parameters.label("/cws/moving", 1, "stable")
    assert parameters.get("/cws/moving", "stable").value == images[0]
    parameters.label("/cws/moving", 2, "stable")
    found = parameters.get("/cws/moving", "stable")
    assert (found.name, found.value, found.labels) == ("/cws/moving", images[1], ("stable",))
    assert [(one.version, one.labels) for one in parameters.history("/cws/moving")] == [(1, ()), (2, ("stable",))]


def test_a_word_that_is_no_label_is_refused(box, images):
    parameters = box.account.parameters()
    parameters.put("/cws/labelled", images[0], {})
    with pytest.raises(CloudError) as caught:
        parameters.label("/cws/labelled", 1, "aws-stable")
    assert "aws-stable" in caught.value.message
    assert caught.value.hint
    with pytest.raises(ResourceNotFound):
        parameters.label("/cws/labelled", 9, "stable")


def test_what_is_below_a_path_is_listed_to_its_depth(box, images):
    parameters = box.account.parameters()
    names = [f"/tree/{number}/x86_64" for number in range(12)]
    for name in names:
        parameters.put(name, images[0], {})
    for prefix in ("/tree", "/tree/", "tree"):
        assert sorted(one.name for one in parameters.below(prefix)) == sorted(names)
    assert parameters.below("/nothing") == []


def test_history_is_read_page_by_page(box, images):
    parameters = box.account.parameters()
    for number in range(60):
        parameters.put("/cws/long", images[number % 2], {})
    assert [one.version for one in parameters.history("/cws/long")] == list(range(1, 61))


def test_what_is_not_there_is_told_quietly(box):
    parameters = box.account.parameters()
    assert parameters.get("/cws/none") is None
    assert parameters.history("/cws/none") == []
    parameters.remove("/cws/none")


def test_a_parameter_goes(box, images):
    parameters = box.account.parameters()
    parameters.put("/cws/going", images[0], {})
    parameters.remove("/cws/going")
    assert parameters.get("/cws/going") is None


def test_a_parameter_that_is_full_says_what_stands_in_the_way():
    account = Account(region=HOME, credentials=("key", "secret"))
    parameters = account.parameters()
    with Stubber(parameters._ssm) as stub:
        stub.add_client_error("put_parameter", "ParameterAlreadyExists", "exists")
        stub.add_client_error("put_parameter", "ParameterMaxVersionLimitExceeded", "version 1 has the label stable")
        with pytest.raises(LimitExceeded) as caught:
            parameters.put("/cws/full", "ami-1", {})
    assert "unlabel-parameter-version" in caught.value.hint
