from __future__ import annotations

from pathlib import Path

import pytest

from cws_build.catalog import Catalog
from cws_build.errors import InputError

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus" / "cloudworkstation-templates"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not here")


@pytest.fixture
def folder(tmp_path):
    def write(name, text, **fields):
        lines = {"name": name, "description": "d", "base": "debian-12", **fields}
        path = tmp_path / text
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
        return path

    write.path = tmp_path
    return write


def refused(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return caught.value


def test_a_template_is_found_by_name_slug_file_name_and_path(folder):
    file = folder("Python ML", "deep/er/py.yaml", slug="python-ml")
    catalog = Catalog.load([folder.path])
    for wanted in ("Python ML", "python-ml", "py", str(file)):
        assert catalog.find(wanted).file == file.resolve()


def test_an_unknown_name_gets_a_did_you_mean(folder):
    folder("Python ML", "a.yml", slug="python-ml")
    error = refused(Catalog.load([folder.path]).find, "pyton-ml")
    assert (error.message, error.hint) == ("there is no template 'pyton-ml'", "did you mean 'python-ml'?")
    error = refused(Catalog.load([folder.path]).find, "zzz")
    assert error.hint == "'cws-build templates' lists what there is"
    error = refused(Catalog.load([folder.path]).find, "./zzz.yml")
    assert error.message == "there is no file zzz.yml"


def test_a_broken_file_hides_no_other_and_answers_for_itself(folder):
    folder("Good", "good.yml")
    folder("Bad", "bad.yml", base="debiann", popular="maybe")
    (folder.path / "worse.yml").write_bytes(b"name: \xff\n")
    (folder.path / "gone.yml").symlink_to(folder.path / "nowhere")
    catalog = Catalog.load([folder.path])
    assert [e.template.name for e in catalog.entries] == ["Good"]
    assert [b.file.name for b in catalog.broken] == ["bad.yml", "worse.yml"]
    error = refused(catalog.find, "Bad")
    assert error.message.endswith("bad.yml has 2 mistakes")
    assert [p.path for p in error.problems] == ["base", "popular"]
    assert "is not UTF-8" in refused(catalog.find, "worse").problems[0].message


def test_of_two_templates_of_one_name_the_first_counts_and_both_files_are_named(folder):
    first = folder("Same", "one/a.yml")
    second = folder("Same", "two/b.yml")
    catalog = Catalog.load([folder.path / "one", folder.path / "two"])
    assert catalog.find("Same").file == first.resolve()
    (problem,) = catalog.problems
    assert problem.severity == "warning"
    assert (problem.file, str(first.resolve()) in problem.message) == (str(second.resolve()), True)


def test_two_templates_of_one_slug_are_warned_about(folder):
    folder("One", "a.yml", slug="x")
    folder("Two", "b.yml", slug="x")
    catalog = Catalog.load([folder.path])
    assert len(catalog.entries) == 2
    assert catalog.find("x").template.name == "One"
    assert "short name 'x' belongs to 'One'" in catalog.problems[0].message


def test_a_lineage_has_parents_first_and_each_ancestor_once(folder):
    folder("Top", "top.yml")
    folder("Left", "left.yml", inherits="[Top]")
    folder("Right", "right.yml", inherits="[top]")
    folder("Child", "child.yml", inherits="[Left, right]")
    catalog = Catalog.load([folder.path])
    names = [t.name for t in catalog.lineage(catalog.find("Child"))]
    assert names == ["Top", "Left", "Right", "Child"]


def test_a_circle_is_spelled_out(folder):
    folder("A", "a.yml", inherits="[B]")
    folder("B", "b.yml", inherits="[C]")
    folder("C", "c.yml", inherits="[B]")
    catalog = Catalog.load([folder.path])
    error = refused(catalog.lineage, catalog.find("A"))
    assert error.message.endswith("templates inherit each other in a circle: B -> C -> B")
    assert error.hint == "take one of them out of the inherits of another"


def test_a_missing_parent_gets_a_did_you_mean_and_a_broken_one_its_problems(folder):
    folder("Python ML", "a.yml", slug="python-ml")
    folder("Broken", "broken.yml", base="nope")
    folder("Child", "b.yml", inherits="[pythn-ml]")
    folder("Orphan", "c.yml", inherits="[Broken]")
    catalog = Catalog.load([folder.path])
    error = refused(catalog.lineage, catalog.find("Child"))
    assert error.message.endswith("b.yml: 'Child' inherits 'pythn-ml', which does not exist")
    assert error.hint == "did you mean 'python-ml'?"
    assert refused(catalog.lineage, catalog.find("Orphan")).problems[0].path == "base"


def family(folder, below=""):
    """Write files whose parents are wrong in every way, and return the lines that say so."""
    folder("Fine", f"{below}fine.yml", slug="fine")
    folder("Leads there", f"{below}above.yml", inherits="[fine, B]")
    folder("B", f"{below}b.yml", inherits="[C]")
    folder("C", f"{below}c.yml", inherits="[B]")
    folder("Many", f"{below}many.yml", inherits="[fin, nobody, fine]")
    folder("Broken", f"{below}broken.yml", base="nope", inherits="[nobody]")
    folder("Of broken", f"{below}of.yml", inherits="[Broken]")
    circle = "inherits: templates inherit each other in a circle"
    nobody = "there is no template 'nobody' (parents are named by 'name' or 'slug')"
    mend = "(take one of them out of the inherits of another)"
    return [
        f"{folder.path}/b.yml:4: {circle}: B -> C -> B {mend}",
        f"{folder.path}/broken.yml:4: inherits[0]: {nobody}",
        f"{folder.path}/c.yml:4: {circle}: C -> B -> C {mend}",
        f"{folder.path}/many.yml:4: inherits[0]: there is no template 'fin' (did you mean 'fine'?)",
        f"{folder.path}/many.yml:4: inherits[1]: {nobody}",
    ]


def test_every_mistake_about_parents_is_told_at_once_with_its_line(folder):
    expected = family(folder)
    catalog = Catalog.load([folder.path])
    assert sorted(str(one) for one in catalog.problems if one.path.startswith("inherits")) == expected
    broken = refused(catalog.find, "Broken").problems
    assert [one.path for one in broken] == ["base", "inherits[0]"]


def test_the_command_tells_them_of_a_library_and_of_files(folder, cws):
    expected = [line.replace(str(folder.path), f"{folder.path}/templates") for line in family(folder, "templates/")]
    files = sorted((folder.path / "templates").iterdir())
    # Who names a file wants to use it: one that leads into a circle is wrong then.
    for words, count in (([], "6 mistakes in 4 files"), (files, "7 mistakes in 5 files")):
        done = cws("--library", folder.path, "templates", "validate", *words)
        assert done.code == 2
        assert count in done.err
        assert [line for line in expected if line not in done.err] == []


def test_a_template_given_by_path_sees_its_neighbours(folder, tmp_path_factory):
    folder("Parent", "parent.yml")
    child = folder("Child", "child.yml", inherits="[Parent]")
    catalog = Catalog.load([tmp_path_factory.mktemp("elsewhere")])
    assert [t.name for t in catalog.lineage(catalog.find(str(child)))] == ["Parent", "Child"]


def test_folders_that_do_not_exist_hold_nothing(tmp_path):
    assert Catalog.load([tmp_path / "nowhere"]).entries == ()


@needs_corpus
def test_every_existing_template_is_read_unchanged():
    catalog = Catalog.load([CORPUS])
    assert len(catalog.entries) == 11
    assert catalog.broken == ()
    unknown = [p.path for p in catalog.problems if "unknown key" in p.message]
    assert unknown == ["minimum_size", "ports"]


@needs_corpus
def test_strict_reading_refuses_only_the_one_with_unknown_keys():
    catalog = Catalog.load([CORPUS], strict=True)
    assert [b.file.name for b in catalog.broken] == ["python-ml-workstation.yml"]


@needs_corpus
def test_what_the_reference_parser_drops_is_kept():
    catalog = Catalog.load([CORPUS])
    jupyter = catalog.find("jupyter-notebook-server").template
    assert jupyter.packages.system == ("git", "curl", "vim", "nodejs")
    assert [service.enabled for service in jupyter.services] == [True, False]
    server = catalog.find("Ubuntu 22.04 Server").template
    assert server.user_data
    assert len(server.packages.system) == 13
    assert catalog.find("python-ml-ami").template.ami_config.ami_search.required_tags["Template"] == "python-ml"


def test_the_templates_of_the_project_have_no_problem():
    catalog = Catalog.load([ROOT / "templates"], strict=True)
    assert catalog.problems == ()
    names = {entry.template.short_name for entry in catalog.entries}
    assert names >= {"basic-debian", "python-ml", "data-science", "r-research", "desktop", "gpu"}
