"""The pruned service models: the same requests and answers as botocore's own, and those whenever in doubt."""

import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import botocore
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader
from botocore.session import Session

from cws_build.drivers import aws, aws_model
from cws_build.drivers.aws_model import OPERATIONS, pruned_models
from tests.project import ROOT, python

VOLATILE = {"Authorization", "X-Amz-Date", "amz-sdk-invocation-id", "User-Agent"}
ANSWER = b"""<DescribeImagesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><imagesSet>
<item><imageId>ami-1</imageId><imageState>available</imageState><isPublic>false</isPublic><imageOwnerId>1</imageOwnerId>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>snap-1</snapshotId>
<volumeSize>20</volumeSize><deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>
<tagSet><item><key>cws:digest</key><value>d</value></item></tagSet><imdsSupport>v2.0</imdsSupport></item>
</imagesSet></DescribeImagesResponse>"""
SAMPLES = {
    "string": "text",
    "boolean": True,
    "integer": 7,
    "long": 7,
    "float": 1.5,
    "double": 1.5,
    "blob": b"bytes",
    "timestamp": datetime(2026, 1, 2, tzinfo=UTC),
}


class Raw:
    """The body of an answer, as urllib3 would hand it over."""

    def __init__(self, content):
        self.content = content

    def stream(self, **_):
        yield self.content


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    found = pruned_models(Loader(), botocore.__version__, tmp_path_factory.mktemp("models"))
    assert found is not None
    return found


def client_of(service, data_path=None):
    session = Session()
    session.set_credentials("key", "secret")
    if data_path:
        session.set_config_variable("data_path", str(data_path))
    return session.create_client(service, "us-east-1")


def sample(shape, above=()):
    """Return a value for a shape with every member filled; circles end."""
    if shape.type_name == "structure":
        members = {name: sample(member, (*above, shape.name)) for name, member in shape.members.items()}
        return {name: value for name, value in members.items() if value is not None and shape.name not in above}
    if shape.type_name == "list":
        return [sample(shape.member, above)]
    if shape.type_name == "map":
        return {"key": sample(shape.value, above)}
    return SAMPLES[shape.type_name]


def sent(client, operation, answer):
    """Call an operation with everything that its input may hold; return the request and what the answer became."""
    requests = []

    def answered(request, **_):
        requests.append(request)
        return AWSResponse(request.url, 200, {}, Raw(answer))

    client.meta.events.register("before-send", answered)
    given = sample(client.meta.service_model.operation_model(operation).input_shape)
    result = getattr(client, xform_name(operation))(**given)
    client.meta.events.unregister("before-send", answered)
    headers = {name: value for name, value in requests[0].headers.items() if name not in VOLATILE}
    return (requests[0].method, requests[0].url, headers, requests[0].body), result


def outline(shape, above=()):
    """Return all that a parser goes by."""
    if shape is None or shape.name in above:
        return shape and shape.name
    inner = {"structure": lambda: shape.members, "list": lambda: {"": shape.member}, "map": lambda: {"": shape.value}}
    members = inner.get(shape.type_name, dict)()
    below = {name: outline(member, (*above, shape.name)) for name, member in members.items()}
    return (shape.name, shape.type_name, dict(shape.serialization), dict(shape.metadata), below)


@pytest.mark.parametrize("service", OPERATIONS)
def test_pruned_models_send_and_read_what_full_ones_do(pruned, service):
    slim, full = client_of(service, pruned), client_of(service)
    assert slim.meta.service_model.operation_names == sorted(OPERATIONS[service])
    for operation in OPERATIONS[service]:
        answer = ANSWER if operation == "DescribeImages" else b"{}" if service == "ssm" else b"<a/>"
        assert sent(slim, operation, answer) == sent(full, operation, answer), operation
        ours, theirs = (client.meta.service_model.operation_model(operation) for client in (slim, full))
        assert outline(ours.output_shape) == outline(theirs.output_shape), operation


def test_an_answer_is_read_to_its_depth(pruned):
    _, result = sent(client_of("ec2", pruned), "DescribeImages", ANSWER)
    image = result["Images"][0]
    assert image["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 20
    assert image["Tags"] == [{"Key": "cws:digest", "Value": "d"}]
    assert image["Public"] is False


def test_the_list_of_operations_is_what_the_driver_calls():
    """Read the driver's source: methods of EC2 clients, of other services' clients, paginators and waiters."""
    full = {service: client_of(service) for service in ("ec2", *OPERATIONS)}
    methods = {service: client.meta.method_to_api_mapping for service, client in full.items()}
    called = {service: set() for service in OPERATIONS}
    driver = [ast.parse(path.read_text(encoding="utf-8")) for path in Path(aws.__file__).parent.glob("aws*.py")]
    for node in (node for module in driver for node in ast.walk(module)):
        if isinstance(node, ast.Attribute):
            for service, known in methods.items():
                called[service] |= {known[node.attr]} if node.attr in known else set()
        elif isinstance(node, ast.Constant) and node.value in full["ec2"].waiter_names:
            called["ec2"].add(full["ec2"].get_waiter(node.value).config.operation)
        elif isinstance(node, ast.Constant):
            for service, known in methods.items():
                called[service] |= {known[node.value]} if node.value in known else set()
    assert called == {service: set(names) for service, names in OPERATIONS.items()}


def test_an_account_works_with_pruned_models(tmp_path):
    account = aws.Account(region="us-east-1", credentials=("key", "secret"), models=tmp_path)
    client = account.client("ec2", "us-east-1")
    assert len(client.meta.service_model.operation_names) == len(OPERATIONS["ec2"])
    assert client.can_paginate("describe_images")
    assert client.get_waiter("instance_terminated").name == "InstanceTerminated"


def test_a_cache_that_cannot_be_written_gives_the_full_model(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert pruned_models(Loader(), "1", tmp_path / "file" / "models") is None
    account = aws.Account(region="us-east-1", credentials=("key", "secret"), models=tmp_path / "file" / "models")
    assert "RunInstances" in account.client("ec2", "us-east-1").meta.service_model.operation_names


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no seal", "a file in its place"])
def test_a_damaged_model_is_made_anew(tmp_path, damage):
    folder = pruned_models(Loader(), "1", tmp_path)
    model = next(folder.glob("ec2/*/service-2.json"))
    before = model.read_bytes()
    if damage == "truncated":
        model.write_bytes(before[:1000])
    elif damage == "changed":
        model.write_bytes(before.replace(b"DescribeImages", b"DescribeIdiots"))
    elif damage == "missing":
        model.unlink()
    elif damage == "no seal":
        (folder / "sha256").unlink()
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.write_text("")
    assert pruned_models(Loader(), "1", tmp_path) == folder
    assert next(folder.glob("ec2/*/service-2.json")).read_bytes() == before
    assert not list(tmp_path.glob(".new-*"))


def test_an_operation_that_botocore_does_not_know_gives_the_full_model(tmp_path):
    class Old(Loader):
        def load_service_model(self, *words):
            model = super().load_service_model(*words)
            return {**model, "operations": {"DescribeImages": model["operations"]["DescribeImages"]}}

    assert "DescribeImages" in Old().load_service_model("ec2", "service-2", "2016-11-15")["operations"]
    assert pruned_models(Old(), "1", tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_models_of_the_user_come_first(tmp_path, monkeypatch):
    class Custom(Loader):
        CUSTOMER_DATA_PATH = str(tmp_path / "own")

    (tmp_path / "own" / "ec2").mkdir(parents=True)
    assert pruned_models(Custom(), "1", tmp_path / "models") is None
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "own"))
    account = aws.Account(region="us-east-1", credentials=("key", "secret"), models=tmp_path / "models")
    assert account.session.get_config_variable("data_path") == str(tmp_path / "own")
    assert not (tmp_path / "models").exists()


def test_another_botocore_gets_another_folder(tmp_path):
    assert pruned_models(Loader(), "1", tmp_path) != pruned_models(Loader(), "2", tmp_path)


def test_two_processes_at_once_make_one_folder(tmp_path):
    program = (
        "import sys; from pathlib import Path; from botocore.loaders import Loader;"
        f"from {aws_model.__name__} import pruned_models;"
        "print(pruned_models(Loader(), '1', Path(sys.argv[1])))"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {child.communicate(timeout=60)[0].strip() for child in children}
    assert said == {str(folder) for folder in tmp_path.iterdir()}
    assert len(said) == 1


def test_many_threads_read_each_description_once(pruned):
    read = []

    class Counting(aws.QuickLoader):
        def load_data_with_path(self, name):
            read.append(name)
            return super().load_data_with_path(name)

    loader = Counting([pruned])
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: loader.load_service_model("ec2", "paginators-1", "2016-11-15"), range(64)))
    assert all(one is found[0] for one in found)
    assert found[0] == Loader().load_service_model("ec2", "paginators-1", "2016-11-15")
    assert read.count("ec2/2016-11-15/paginators-1") == 1


@pytest.mark.parametrize("service", [*OPERATIONS, "sts", "s3"])
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
def test_the_quick_loader_reads_what_botocores_does(service, kind):
    assert aws.QuickLoader([]).load_service_model(service, kind) == Loader().load_service_model(service, kind)


def test_what_the_quick_loader_does_not_find_it_says_as_botocore_does(tmp_path):
    for loader in (aws.QuickLoader([tmp_path / "nothing"]), Loader()):
        with pytest.raises(UnknownServiceError):
            loader.load_service_model("no-such-service", "service-2")
        with pytest.raises(DataNotFoundError):
            loader.load_service_model("pinpoint", "paginators-1")
    (tmp_path / "ec2" / "2016-11-15").mkdir(parents=True)
    (tmp_path / "ec2" / "2016-11-15" / "service-2.json").write_text("{")
    with pytest.raises(ValueError, match="Expecting"):
        aws.QuickLoader([tmp_path]).load_service_model("ec2", "service-2")


def test_a_client_opens_no_folders_of_other_services(tmp_path):
    code = (
        "import sys; from pathlib import Path; opened = []\n"
        "sys.addaudithook(lambda name, given: name in {'os.listdir', 'os.scandir'} and opened.append(str(given[0])))\n"
        "from cws_build.drivers import aws\n"
        "account = aws.Account(credentials=('key', 'secret'), models=Path(sys.argv[1]))\n"
        "assert account.client('ec2', 'eu-west-1').can_paginate('describe_images')\n"
        "print([place for place in opened if '/botocore/data/' in place and not place.endswith('/ec2')])"
    )
    pruned_models(Loader(), botocore.__version__, tmp_path)
    child = python(code, str(tmp_path))
    assert (child.stdout.strip(), child.stderr) == ("[]", "")


def test_every_operation_has_its_permission_in_the_manual():
    manual = (ROOT / "docs" / "permissions.md").read_text()
    named = {f"{service}:{name}" for service, names in OPERATIONS.items() for name in names}
    assert sorted(action for action in named if f"`{action}`" not in manual) == []
