"""Every setting of the presets ``code`` and ``paper``, against the sources read a second time.

The tables below are typed from the papers and the released code, not made from the presets' files. ICCV is
Huang et al., Semi-Supervised Active Learning with Temporal Output Discrepancy, ICCV 2021, and "supplement"
its own; TNNLS the article of 2022 (arXiv 2212.10613); the code github.com/siyuhuang/TOD, commit 883494b.
"""

import pytest

from nextlabel.datasets.catalogue import DATASETS
from nextlabel.presets.catalogue import load_preset, preset_datasets

# Supplement, table of hyper-parameters; Fashion-MNIST and STL-10: TNNLS, the same table. The code's
# config/*.py agree.
TRAINING = {
    # data set: epochs, the epoch after which the rate falls to a tenth, batch, rate
    "cifar10": (200, 160, 128, 0.1),
    "cifar100": (200, 160, 128, 0.1),
    "svhn": (200, 160, 128, 0.1),
    "caltech101": (50, 40, 64, 0.01),
    "fashion_mnist": (200, 160, 128, 0.1),
    "stl10": (200, 160, 64, 0.1),
}

# The code: START, ADDENDUM, SUBSET and WEIGHT, then EPOCHL, of config/*.py. Without a configuration of its
# own a data set has the papers' 10 % and 5 %, and from CIFAR-10 the half of the pool, the weight and the
# epoch.
CODE = {
    "cifar10": (5000, 2500, 25000, 0.02, 120),
    "cifar100": (5000, 2500, 25000, 0.05, 120),
    "svhn": (7324, 3662, 29302, 0.005, 120),
    "caltech101": (868, 434, 4340, 0.1, 30),
    "fashion_mnist": (0.10, 0.05, 0.5, 0.02, 120),
    "stl10": (0.10, 0.05, 0.5, 0.02, 120),
}

# Supplement and TNNLS, tables of data sets: 45,000 / 5,000, 65,931 / 7,326, 50,000 / 10,000, 4,500 / 500,
# 2,675 / 300. Caltech-101's 7,316 / 915 / 915 count the background, so it has the fraction 0.1 / 0.9.
VALIDATION = {
    "cifar10": 5000,
    "cifar100": 5000,
    "svhn": 7326,
    "caltech101": 0.1111,
    "fashion_mnist": 10000,
    "stl10": 500,
    "cityscapes": 300,
}

# The transforms of main_TOD.py, mean and deviation of each channel; CIFAR-100 has CIFAR-10's there. None is
# published for Fashion-MNIST and STL-10. Cityscapes: github.com/fyu/drn, on which the authors built.
NORMALISE = {
    "cifar10": [[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]],
    "cifar100": [[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]],
    "svhn": [[0.4310, 0.4302, 0.4463], [0.1965, 0.1984, 0.1992]],
    "caltech101": [[0.5020, 0.5020, 0.5020], [1.0, 1.0, 1.0]],
    "cityscapes": [[0.290101, 0.328081, 0.286964], [0.182954, 0.186566, 0.184475]],
}

# Images of 32 x 32 are padded to 40 x 40 in main_TOD.py, and to 36 x 36 by the supplement and TNNLS.
# Caltech-101 and STL-10 are cut from their centre by the loader, and flipped alone.
PADDING = {"code": 4, "repaired": 4, "paper": 2}
CROPPED = {"cifar10", "cifar100", "svhn", "fashion_mnist"}

FIRST = {
    "code": ("half_squared", "untrained"),
    "repaired": ("half_squared", "untrained"),
    "paper": ("l2", "initial"),
}
"""Form of COD, and what the first cycle compares with: main_TOD.py; ICCV, section on COD."""

LOSS = {
    # main_TOD.py: two heads, raw logits, decay up to 0.999
    "code": {"objective.tod.form": "code"},
    "repaired": {"objective.tod.form": "code"},
    # ICCV, unsupervised loss: one head, lambda = 0.05 and alpha = 0.999 on all data sets; f is left open
    "paper": {
        "objective.tod.form": "paper",
        "objective.tod.outputs": "probs",
        "objective.tod.weight": 0.05,
    },
}


# What is odd in the code, and what stands in its place. main_TOD.py: an unrelated ema_model whose parameters
# alone are averaged; two passes; the extra loader begun at every step, sequential in the first cycle.
ODD_LOSS = {
    "objective.tod.teacher_start": ("random", "copy"),
    "objective.tod.teacher_buffers": ("own", "copied"),
    "objective.tod.passes": ("separate", "joint"),
    "learner.unlabelled_draw": ("fixed_first", "passes"),
    "score_last": (True, False),
}

# models/lossnet.py; main_LL4AL.py: the schedule of the module is never stepped.
ODD_MODULE = {
    f"{place}.learning_loss.{option}": values
    for place in ("objective", "wrapper")
    for option, values in (("pooling", ("corner", "mean")), ("module_rate", ("constant", "scheduled")))
}

# main_TOD.py: data_unlabeled has the train transform on these.
AUGMENTED = ("svhn", "caltech101")

# main_TOD.py: cod_model and ema_model without weights; models/imagenet_resnet.py: layer4_caltech.
ODD_CALTECH = {
    "learner.untrained_weights": ("random", "as_model"),
    "model.imagenet_resnet18.weight_stages": (3, 4),
}


def quirks(name, dataset, *, segmentation=False):
    """What ``code`` and ``repaired`` say of the code's quirks."""
    odd = ODD_LOSS if segmentation else {**ODD_LOSS, **ODD_MODULE}
    if dataset in AUGMENTED:
        odd = {**odd, "learner.score_augmented": (True, False)}
    if dataset == "caltech101":
        odd = {**odd, **ODD_CALTECH}
    return {key: values[("code", "repaired").index(name)] for key, values in odd.items()}


def flat(tree, prefix=""):
    """Return a tree's leaves by their dotted names."""
    leaves = {}
    for name, value in tree.items():
        leaves |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return {name.removeprefix("options."): value for name, value in leaves.items()}


def protocol(name, dataset, strategy="cod"):
    """What both sources say of all data sets: 3 trials of 7 cycles, a network made once a trial, alpha."""
    form, first_cycle = FIRST[name]
    return {
        "dataset": [dataset],
        "strategy": [strategy, "random"],
        "objective": ["tod", "supervised"],
        "seeds": 3,
        "cycles": 7,
        "initial_size": 0.10,
        "batch_size": 0.05,
        "learner.warm_start": True,
        f"strategy.{strategy}.form": form,
        f"strategy.{strategy}.first_cycle": first_cycle,
        "objective.tod.decay": 0.999,
        **LOSS[name],
    }


def learning_loss(name, epochs, epoch):
    """LL4AL as main_LL4AL.py has it: MARGIN, weight, EPOCHL, and a tie that counts as -1; and next to COD.

    There ``epoch > EPOCHL`` detaches, so that the epoch of that index, from 0, is still attached.
    """
    return {
        "objective.learning_loss.margin": 1.0,
        "objective.learning_loss.weight": 1.0,
        "objective.learning_loss.detach_after": (epoch + (name == "code")) / epochs,
        "objective.learning_loss.ties": "negative",
        "wrapper.learning_loss.ties": "negative",
    }


def training(dataset, padding):
    """SGD with momentum 0.9 and weight decay 5e-4, flips, and what the tables say; ResNet-18 of width 64."""
    epochs, drop, batch, rate = TRAINING[dataset]
    large = dataset == "caltech101"  # 224 x 224, from torchvision's weights as in the code
    cropped = dataset in CROPPED
    model = "imagenet_resnet18" if large else "cifar_resnet18"
    return {
        "learner.model": model,
        f"model.{model}.width": 64,
        **({f"model.{model}.weights": "imagenet"} if large else {}),
        "learner.epochs": epochs,
        "learner.batch_size": batch,
        "learner.optimizer": "sgd",
        "learner.lr": rate,
        "learner.momentum": 0.9,
        "learner.weight_decay": 5e-4,
        "learner.schedule": "multistep",
        "learner.milestones": [drop / epochs],
        "learner.gamma": 0.1,
        "learner.mixed_precision": "no",
        "learner.augment": ["horizontal_flip", "random_crop"] if cropped else ["horizontal_flip"],
        **({"augment.random_crop.padding": padding} if cropped else {}),
        **({"learner.normalise": NORMALISE[dataset]} if dataset in NORMALISE else {}),
        **({"dataset.stl10.resize": 128} if dataset == "stl10" else {}),  # TNNLS: then 96 x 96
    }


# Supplement: Adam, no decay and no drop told; the images' sizes; ICCV: DRN-D-22. How pixels make a score is
# not told.
SEGMENTATION = {
    "learner.model": "drn_d_22",
    "learner.epochs": 40,
    "learner.batch_size": 4,
    "learner.optimizer": "adam",
    "learner.lr": 5e-4,
    "learner.weight_decay": 0.0,
    "learner.schedule": "constant",
    "learner.augment": ["horizontal_flip"],
    "learner.crop": 688,
    "learner.normalise": NORMALISE["cityscapes"],
    "learner.predict_batch_size": 1,
    "learner.mixed_precision": "no",
}


def of_the_code(dataset, name="code"):
    start, addendum, subset, weight, detached = CODE[dataset]
    return {
        **protocol(name, dataset),
        "initial_size": start,
        "batch_size": addendum,
        "candidate_size": subset,
        "objective.tod.weight": weight,
        **learning_loss(name, TRAINING[dataset][0], detached),
        **training(dataset, PADDING[name]),
        **quirks(name, dataset),
    }


def of_the_paper(dataset):
    return {
        **protocol("paper", dataset),
        f"dataset.{dataset}.validation": VALIDATION[dataset],
        "objective.cyclic.weight": 0.05,  # lambda, as for the other loss
        **training(dataset, PADDING["paper"]),
    }


@pytest.mark.parametrize("name", ["code", "repaired"])
@pytest.mark.parametrize("dataset", CODE)
def test_the_presets_of_the_code_have_every_setting_of_it_and_no_other(name, dataset):
    assert flat(load_preset(name, dataset)) == of_the_code(dataset, name)


@pytest.mark.parametrize("dataset", CODE)
def test_the_paper_preset_has_every_setting_of_the_papers_and_no_other(dataset):
    assert flat(load_preset("paper", dataset)) == of_the_paper(dataset)


@pytest.mark.parametrize("name", ["code", "repaired", "paper"])
def test_segmentation_trains_in_all_presets_as_the_supplement_says(name):
    expected = {
        **protocol(name, "cityscapes", "cod_segmentation"),
        **LOSS["paper"],  # no code of it is released
        **SEGMENTATION,
        "strategy.cod_segmentation.aggregate": "mean",
    }
    if name != "paper":
        # the smallest distance to a network without training is the least confident prediction
        expected |= {
            "strategy.cod_segmentation.first_cycle": "least_confident",
            "candidate_size": 0.5,
        }
        expected |= quirks(name, "cityscapes", segmentation=True)
    else:
        expected |= {"dataset.cityscapes.validation": VALIDATION["cityscapes"]}
    assert flat(load_preset(name, "cityscapes")) == expected


@pytest.mark.parametrize("name", ["code", "repaired", "paper"])
def test_cifar10_as_files_has_the_settings_of_cifar10(name):
    def renamed(leaves):
        return {key.replace("cifar10_jpeg", "cifar10"): value for key, value in leaves.items()}

    as_files = renamed(flat(load_preset(name, "cifar10_jpeg")))
    expected = of_the_paper("cifar10") if name == "paper" else of_the_code("cifar10", name)
    assert as_files == {**expected, "dataset": ["cifar10_jpeg"]}


@pytest.mark.parametrize(
    ("dataset", "epochs", "last"),
    [
        *((name, *({"caltech101": (50, 30)}.get(name, (200, 120)))) for name in CODE),
        ("digits", 60, 36),
        ("animals", 20, 12),
    ],
)
@pytest.mark.parametrize("steps", [1, 3, 157])
def test_the_loss_module_is_detached_after_the_epoch_of_index_epochl_in_code_and_before_it_in_repaired(
    dataset, epochs, last, steps
):
    for name, attached in (("code", last + 1), ("repaired", last)):
        fraction = load_preset(name, dataset)["options"]["objective"]["learning_loss"]["detach_after"]
        total = epochs * steps
        assert [step for step in range(total) if step / total < fraction] == list(range(attached * steps))


@pytest.mark.parametrize(("dataset", "epochs"), [("digits", 60), ("animals", 20)])
def test_images_that_the_papers_do_not_use_have_their_protocol_and_losses(dataset, epochs):
    assert DATASETS.create(dataset).training_defaults["epochs"] == epochs
    for name in ("code", "repaired"):
        of_cifar10 = {"objective.tod.weight": 0.02, "candidate_size": 0.5}
        of_cifar10 |= learning_loss(name, epochs, epochs * 120 // 200)
        expected = {**protocol(name, dataset), **of_cifar10, **quirks(name, dataset)}
        found, fraction = flat(load_preset(name, dataset)), "objective.learning_loss.detach_after"
        assert found.pop(fraction) == pytest.approx(expected.pop(fraction), abs=1e-5)
        assert found == expected
    of_all = {"objective.cyclic.weight": 0.05}
    assert flat(load_preset("paper", dataset)) == {**protocol("paper", dataset), **of_all}


def test_nuclei_have_the_protocol_and_loss_of_cityscapes():
    for name, more in (
        *(
            (
                name,
                {
                    "strategy.cod_segmentation.first_cycle": "least_confident",
                    "candidate_size": 0.5,
                    **quirks(name, "nuclei", segmentation=True),
                },
            )
            for name in ("code", "repaired")
        ),
        ("paper", {}),
    ):
        expected = {**protocol(name, "nuclei", "cod_segmentation"), **LOSS["paper"], **more}
        expected["strategy.cod_segmentation.aggregate"] = "mean"
        assert flat(load_preset(name, "nuclei")) == expected


@pytest.mark.parametrize("name", ["code", "repaired", "paper"])
def test_no_data_set_of_a_preset_is_left_out_here(name):
    others = {"cityscapes", "cifar10_jpeg", "digits", "animals", "nuclei"}
    assert {*preset_datasets(name)} == {*CODE} | others
