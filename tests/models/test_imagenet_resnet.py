"""The ResNet-18 for large images: torchvision's network, its weights taken whole or refused."""

from __future__ import annotations

import sys
from collections import OrderedDict

import pytest
import torch
from model_cases import learns_in_one_step, parameters
from safetensors.torch import save_file
from torch_of_2016 import save_as_torch_0_1

from nextlabel.errors import ConfigurationError, DataError, MissingExtraError
from nextlabel.models.catalogue import MODELS
from nextlabel.models.imagenet_resnet import ImageNetResNet18
from nextlabel.objectives.tod import Tod
from nextlabel.training.network import ModuleNetwork

SHAPE = (3, 32, 32)


def small(classes=5, **options):
    return ImageNetResNet18(SHAPE, classes, **{"width": 2, **options})


def state(**options):
    return small(**options).state_dict()


def unlike_new(module):
    """Give every tensor values that no new one has, such that images still make a difference."""
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.ndim > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        elif tensor.is_floating_point():
            tensor.uniform_(0.5, 1, generator=generator)
    return module


def test_with_1000_classes_it_has_the_published_parameters():
    with torch.device("meta"):
        model = MODELS.create("imagenet_resnet18", input_shape=(3, 224, 224), classes=1000)
        assert parameters(model) == 11_689_512
        stages = model.forward_stages(torch.empty(1, 3, 224, 224))
    assert [tuple(maps.shape[1:]) for maps in stages] == [
        (64, 56, 56),
        (128, 28, 28),
        (256, 14, 14),
        (512, 7, 7),
    ]


def test_for_caltechs_classes_and_with_the_second_head_of_the_code_form_it_has_the_published_parameters():
    objective = Tod(form="code")
    with torch.device("meta"):
        network = ModuleNetwork(ImageNetResNet18((3, 224, 224), 101))
    network.with_embeddings = True
    objective.bind(network, network(torch.empty(2, 3, 224, 224, device="meta")))
    # 11,689,512 with 1,000 classes, of which the head has 513,000; a head of 101 classes has 51,813
    assert parameters(network) == 11_228_325
    assert parameters(network) + parameters(objective) == 11_280_138  # the teacher's do not train


def test_with_torchvisions_weights_it_gives_torchvisions_outputs():
    torchvision = pytest.importorskip("torchvision")
    theirs = unlike_new(torchvision.models.resnet18(num_classes=7)).eval()
    ours = ImageNetResNet18(SHAPE, 7, weights=theirs.state_dict()).eval()
    x = torch.rand(2, *SHAPE, generator=torch.Generator().manual_seed(1))
    outputs = theirs.double()(x.double())
    assert (outputs[0] - outputs[1]).abs().min() > 1e-3 * outputs.abs().max()  # the images are distinguished
    torch.testing.assert_close(ours.double()(x.double()), outputs)
    assert len(ours.loading.loaded) == 122


def test_a_state_is_loaded_whole_and_the_report_says_so():
    donor = unlike_new(small())
    model = small(weights=donor.state_dict())
    assert model.loading.loaded == tuple(donor.state_dict())
    assert model.loading.missing == model.loading.unexpected == model.loading.wrong_shape == ()
    assert str(model.loading) == "122 of 122 tensors loaded"
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, donor.state_dict()[name]), name


def test_without_weights_there_is_no_report():
    assert small().loading is None


def test_a_head_for_other_classes_stays_new_and_the_report_names_it():
    donor = unlike_new(small(classes=9))
    model = small(weights=donor.state_dict())
    assert model.loading.wrong_shape == ("fc.weight", "fc.bias")
    assert str(model.loading) == "120 of 122 tensors loaded; of another shape: 'fc.weight', 'fc.bias'"
    assert torch.equal(model.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)
    assert model(torch.rand(2, *SHAPE)).shape == (2, 5)


def test_a_state_without_a_head_leaves_it_new_and_the_report_names_it():
    given = {name: tensor for name, tensor in state().items() if not name.startswith("fc.")}
    assert small(weights=given).loading.missing == ("fc.weight", "fc.bias")


def test_an_old_file_without_batch_counters_is_loaded():
    given = {name: tensor for name, tensor in state().items() if "num_batches" not in name}
    report = small(weights=given).loading
    assert len(report.loaded) == 102
    assert len(report.missing) == 20


def test_a_state_without_the_fourth_stage_is_refused_with_its_tensors():
    given = {name.replace("layer4", "layer4_caltech"): tensor for name, tensor in state().items()}
    with pytest.raises(
        DataError, match=r"lacks 'layer4\.0\.conv1\.weight'.*unknown 'layer4_caltech\.0\.conv1"
    ):
        small(weights=given)
    given = {name: tensor for name, tensor in state().items() if not name.startswith("layer4")}
    with pytest.raises(
        DataError,
        match=r"lacks 'layer4\.0\.conv1\.weight', .* and 20 more; .*such as resnet18-5c106cde\.pth as",
    ):
        small(weights=given)


def test_a_state_without_the_fourth_stage_is_refused_with_the_way_to_do_without():
    given = {name: tensor for name, tensor in state().items() if not name.startswith("layer4")}
    with pytest.raises(DataError, match=r"lacks 'layer4\.0.*or set weight_stages=3 to leave"):
        small(weights=given)


@pytest.mark.parametrize("with_fourth", [True, False])
def test_three_stages_of_the_file_of_2016_are_the_75_tensors_that_the_released_code_loads(with_fourth):
    donor = unlike_new(small(classes=9))
    given = {
        name: tensor
        for name, tensor in donor.state_dict().items()
        if "num_batches" not in name and (with_fourth or not name.startswith(("layer4", "fc")))
    }
    model = small(weights=given, weight_stages=3)
    assert len(model.loading.loaded) == 75
    for name, tensor in model.state_dict().items():
        if name.endswith("weight"):
            loaded = not name.startswith(("layer4", "fc"))
            assert torch.equal(tensor, donor.state_dict()[name]) == loaded, name


def test_three_stages_still_want_all_of_the_third():
    given = {name: tensor for name, tensor in state().items() if not name.startswith("layer3.1")}
    with pytest.raises(DataError, match=r"lacks 'layer3\.1\.conv1\.weight'"):
        small(weights=given, weight_stages=3)


@pytest.mark.parametrize("stages", [-1, 5, 2.5, "three"])
def test_a_number_of_stages_that_it_has_not_is_refused(stages):
    with pytest.raises(ConfigurationError, match=r"weight_stages .* in 0\.\.4, got"):
        small(weight_stages=stages)


def test_half_a_head_is_refused_with_the_missing_half():
    given = {name: tensor for name, tensor in state().items() if name != "fc.bias"}
    with pytest.raises(DataError, match=r"lacks 'fc\.bias'"):
        small(weights=given)


def test_tensors_of_another_shape_are_refused_with_both_shapes():
    given = {**state(), "conv1.weight": torch.zeros(2, 1, 7, 7)}
    with pytest.raises(DataError, match=r"shape of 'conv1\.weight \(2, 1, 7, 7\) instead of \(2, 3, 7, 7\)'"):
        small(weights=given)


def test_weights_that_are_not_finite_are_refused_by_name():
    given = {**state(), "layer2.0.bn1.running_var": torch.full((4,), torch.nan)}
    with pytest.raises(DataError, match=r"NaN or infinity in 'layer2\.0\.bn1\.running_var'"):
        small(weights=given)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@pytest.mark.parametrize("as_path", [True, False])
def test_weights_are_read_from_a_file(tmp_path, name, as_path):
    donor, path = unlike_new(small()), tmp_path / name
    (save_file if path.suffix == ".safetensors" else torch.save)(donor.state_dict(), str(path))
    model = small(weights=path if as_path else str(path)).eval()
    x = torch.rand(2, *SHAPE)
    assert torch.equal(model(x), donor.eval()(x))


def test_weights_that_torch_saved_in_its_old_format_are_read(tmp_path):
    path = tmp_path / "old.pth"
    torch.save(state(), path, _use_new_zipfile_serialization=False)
    assert len(small(weights=path).loading.loaded) == 122


@pytest.mark.parametrize("built", [False, True])
def test_a_file_of_the_form_of_2016_is_read(tmp_path, built):
    donor, path = unlike_new(small()), tmp_path / "resnet18-5c106cde.pth"
    save_as_torch_0_1(donor.state_dict(), path, dict(donor.named_parameters()), built=built)
    assert path.read_bytes().startswith(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")  # no zip archive
    for word in (b"_rebuild_tensor\n", b"torch.nn.parameter\nParameter\n", b"torch\nFloatStorage\n"):
        assert word in path.read_bytes()
    model = small(weights=path)
    assert len(model.loading.loaded) == 102
    assert all(name.endswith("num_batches_tracked") for name in model.loading.missing)
    for name in model.loading.loaded:
        assert torch.equal(model.state_dict()[name], donor.state_dict()[name]), name
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_file_of_2016_that_names_code_is_refused_and_not_run(tmp_path):
    path = tmp_path / "attack.pth"
    save_as_torch_0_1({"conv1.weight": torch.zeros(2, 3, 7, 7)}, path, ())
    path.write_bytes(path.read_bytes().replace(b"ctorch._utils\n_rebuild_tensor\n", b"cos\nsystem\n"))
    with pytest.raises(DataError, match="it is damaged, or holds more than tensors"):
        small(weights=path)


def test_weights_imagenet_take_the_file_of_the_release_first(tmp_path, monkeypatch):
    donor = unlike_new(small())
    save_as_torch_0_1(donor.state_dict(), tmp_path / "resnet18-5c106cde.pth", ())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)  # which it does without
    assert torch.equal(small(weights="imagenet").conv1.weight, donor.conv1.weight)
    (tmp_path / "resnet18-5c106cde.pth").write_bytes(b"cut")
    with pytest.raises(DataError, match=f"{tmp_path}/resnet18-5c106cde.pth must hold .* cannot be read"):
        small(weights="imagenet")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"file of weights not found: .*nowhere\.pth"):
        small(weights=tmp_path / "nowhere.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 cut", b"\x80\x02}q\x00(X\x01"])
@pytest.mark.parametrize("name", ["damaged.pth", "damaged.safetensors"])
def test_a_damaged_file_is_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} must hold .* cannot be read"):
        small(weights=tmp_path / name)


class Attack:
    """Writes a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (type(self.target).touch, (self.target,))


def test_a_file_that_names_code_is_refused_and_not_run(tmp_path):
    torch.save({"conv1.weight": Attack(tmp_path / "ran")}, tmp_path / "attack.pth")
    with pytest.raises(DataError, match="cannot be read") as refused:
        small(weights=tmp_path / "attack.pth")
    assert "weights_only" not in str(refused.value)  # torch advises to turn the check off
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "stated"),
    [([torch.zeros(1)], "got list"), ({"state_dict": {}, "epoch": 3}, "'state_dict', 'epoch' are none")],
)
def test_a_file_of_something_else_is_refused(tmp_path, content, stated):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(DataError, match=stated):
        small(weights=tmp_path / "other.pth")


def test_weights_imagenet_without_torchvision_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(MissingExtraError, match=r"nextlabel\[vision\]"):
        small(weights="imagenet")


def test_weights_imagenet_are_those_that_torchvision_downloads(monkeypatch):
    models = pytest.importorskip("torchvision.models")
    donor, asked = unlike_new(small()), []

    def download(url, **options):
        asked.append((url.rsplit("/", 1)[1], options["check_hash"], options["weights_only"]))
        return OrderedDict(donor.state_dict())

    monkeypatch.setattr(models._api, "load_state_dict_from_url", download)
    model = small(weights="imagenet")
    assert asked == [("resnet18-f37072fd.pth", True, True)]
    assert torch.equal(model.conv1.weight, donor.conv1.weight)


def test_a_download_that_fails_is_reported_with_the_way_round_it(monkeypatch):
    models = pytest.importorskip("torchvision.models")

    def fail(url, **options):
        raise OSError("no route to host")

    monkeypatch.setattr(models._api, "load_state_dict_from_url", fail)
    with pytest.raises(DataError, match=r"no route to host.*path of the file"):
        small(weights="imagenet")


def test_new_convolutions_are_drawn_by_their_fan_out():
    weight = small(width=16).layer3[0].conv1.weight  # 3 x 3, 32 to 64 channels: 18,432 numbers
    assert weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    "options", [{"input_shape": (224,)}, {"input_shape": (3, 28, 28)}, {"width": 0}, {"classes": 0}]
)
def test_impossible_options_are_refused_by_the_models_name(options):
    with pytest.raises(ConfigurationError, match="imagenet_resnet18"):
        MODELS.create("imagenet_resnet18", **{"input_shape": SHAPE, "classes": 3, "width": 2, **options})


def test_a_learner_trains_it_from_given_weights(tmp_path):
    given = state(classes=2, width=4)
    learns_in_one_step(lambda: small(classes=2, width=4, weights=given), SHAPE, 32, tmp_path)
