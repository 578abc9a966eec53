"""Networks trained on ImageNet and frozen: Inception-v3, ResNet-152, VGG-16, AlexNet.

AttnGAN, MirrorGAN, ControlGAN and PPGN look with them, in this order.

Torchvision builds them; it is imported when one is made, and is needed nowhere else. A new network has random weights
until `load_imagenet` or a checkpoint brings those of ImageNet.

The frozen part is always in eval mode, so its batch statistics do not change. AttnGAN's code freezes the weights alone
and lets the statistics move while its encoders are trained.

Letters: B pictures, S their side, E width of a code.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from limner.errors import UserError

ALEXNET = "alexnet-owt-7be5be79.pth"
VARIABLE = "LIMNER_IMAGENET"
"""Environment variable with a folder that holds files of weights; torch.hub's own is searched as well."""


class Pretrained(nn.Module):
    """A frozen network of torchvision's; a subclass adds the layers that are trained.

    Args:
        build: makes it from torchvision.models, weights at random.
        weights: the name that torchvision has for its weights, "X_Weights.Y".
        files: names of the file that holds them, the newest first.

    Raises:
        UserError: torchvision is missing or does not fit this torch.
    """

    def __init__(self, build: Callable[[Any], nn.Module], weights: str, files: tuple[str, ...]) -> None:
        super().__init__()
        self.trunk = build(_models()).requires_grad_(False).eval()
        self._weights, self._files = weights, files

    def train(self, mode: bool = True) -> Self:
        """Set the trained layers to training mode; the trunk stays in eval mode."""
        super().train(mode)
        self.trunk.eval()
        return self

    def trainable(self) -> list[nn.Module]:
        """Return the modules that a player may train."""
        return [module for module in self.children() if module is not self.trunk]

    def load_imagenet(self, path: str | Path | None = None) -> None:
        """Fill the trunk with the weights of ImageNet.

        Args:
            path: their file. By default it is searched in the folder that LIMNER_IMAGENET names and where torch.hub
                keeps files; where neither has it, torchvision fetches it.

        Raises:
            UserError: there is no such file, or it holds something else.
        """
        found = Path(path) if path else self._local_file()
        state = self._fetch() if found is None else _load(found)
        wanted = self.trunk.state_dict()
        try:  # the files hold heads as well, which the trunk lacks
            self.trunk.load_state_dict({name: value for name, value in state.items() if name in wanted})
        except (RuntimeError, AttributeError):  # missing or of another shape; not a state dict
            raise UserError(f"{found or self._files[0]} holds no weights of this network: fetch it again") from None

    def _local_file(self) -> Path | None:
        folders = [Path(torch.hub.get_dir()) / "checkpoints"]
        if folder := os.environ.get(VARIABLE):
            folders.insert(0, Path(folder))
        paths = (folder / file for folder in folders for file in self._files)
        return next((path for path in paths if path.is_file()), None)

    def _fetch(self) -> dict[str, Tensor]:
        weights = _models().get_weight(self._weights)
        try:
            return weights.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as error:  # no network; a file that is not what was published
            why = str(error).partition("\n")[0]
            raise UserError(
                f"no ImageNet weights, and they cannot be fetched ({why}): put {self._files[0]} from {weights.url} into"
                f" {torch.hub.get_dir()}/checkpoints, or into a folder that {VARIABLE} names"
            ) from None


class InceptionRegions(Pretrained):
    """Inception-v3 as AttnGAN's image encoder: 289 regions and the whole picture, each a code of E numbers.

    Pictures (B, 3, S, S) in [-1, 1] are resized to 299 pixels. That range is what these weights were trained with
    (torchvision brings other ranges to it), so no other normalisation is offered. Gradients flow to the pictures.

    Args:
        width: E.

    Raises:
        UserError: as `Pretrained`.
    """

    def __init__(self, width: int = 256) -> None:
        files = ("inception_v3_google-0cc3c7bd.pth", "inception_v3_google-1a9a5a14.pth")
        super().__init__(_inception, "Inception_V3_Weights.IMAGENET1K_V1", files)
        self.width = width
        self.local = nn.Conv2d(768, width, 1, bias=False)
        self.whole = nn.Linear(2048, width)
        for layer in (self.local, self.whole):
            nn.init.uniform_(layer.weight, -0.1, 0.1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Encode pictures as regions (B, E, 17, 17) and as a whole (B, E)."""
        net: Any = self.trunk
        x = F.interpolate(images, (299, 299), mode="bilinear", align_corners=False)
        x = net.Conv2d_2b_3x3(net.Conv2d_2a_3x3(net.Conv2d_1a_3x3(x)))  # (B, 64, 147, 147)
        x = net.Conv2d_4a_3x3(net.Conv2d_3b_1x1(net.maxpool1(x)))  # (B, 192, 71, 71)
        x = net.Mixed_5d(net.Mixed_5c(net.Mixed_5b(net.maxpool2(x))))  # (B, 288, 35, 35)
        x = net.Mixed_6e(net.Mixed_6d(net.Mixed_6c(net.Mixed_6b(net.Mixed_6a(x)))))  # (B, 768, 17, 17)
        y = net.Mixed_7c(net.Mixed_7b(net.Mixed_7a(x)))  # (B, 2048, 8, 8)
        return self.local(x), self.whole(y.mean(dim=(2, 3)))


class ResNetFeatures(Pretrained):
    """ResNet-152 without its last layer, the image encoder of MirrorGAN's captioner; none of it is trained.

    Pictures (B, 3, S, S) in [-1, 1] are resized to 224 pixels. Gradients flow to the pictures.

    Args:
        imagenet_norm: bring pictures to the mean and deviation that the weights were trained with. MirrorGAN's code
            does not.

    Raises:
        UserError: as `Pretrained`.
    """

    width = 2048
    mean: Tensor
    deviation: Tensor

    def __init__(self, imagenet_norm: bool = False) -> None:
        files = ("resnet152-394f9c45.pth", "resnet152-b121ed2d.pth")
        super().__init__(_resnet, "ResNet152_Weights.IMAGENET1K_V1", files)
        mean, deviation = _statistics() if imagenet_norm else (torch.zeros(3, 1, 1), torch.ones(3, 1, 1))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return features of pictures, (B, 2048)."""
        x = F.interpolate(images, (224, 224), mode="bilinear", align_corners=False)
        return self.trunk((x - self.mean) / self.deviation)


class VggFeatures(Pretrained):
    """VGG-16 as far as relu2_2, by which ControlGAN compares pictures; none of it is trained.

    Pictures (B, 3, S, S) in [-1, 1] are taken as they are: ControlGAN's code does not bring them to the mean and
    deviation that the weights were trained with. Gradients flow to the pictures.

    Raises:
        UserError: as `Pretrained`.
    """

    def __init__(self) -> None:
        super().__init__(_vgg, "VGG16_Weights.IMAGENET1K_V1", ("vgg16-397923af.pth",))

    def forward(self, images: Tensor) -> Tensor:
        """Return features of pictures, (B, 128, S / 2, S / 2)."""
        return self.trunk(images)


class AlexNetCodes(Pretrained):
    """AlexNet as far as fc6, whose rectified output is a code (PPGN climbs there), or whole, 1,000 logits.

    It stands for CaffeNet, whose weights are published for another framework. Pictures (B, 3, S, S) in [-1, 1], S 224
    or 227, are brought to the mean and deviation that the weights were trained with. Gradients flow to the pictures.

    Args:
        whole: all eight layers, as PPGN's captioner looks.

    Raises:
        UserError: as `Pretrained`.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, whole: bool = False) -> None:
        super().__init__(lambda models: _alexnet(models, whole), "AlexNet_Weights.IMAGENET1K_V1", (ALEXNET,))
        self.whole, self.width = whole, 1000 if whole else 4096
        mean, deviation = _statistics()
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    def maps(self, images: Tensor) -> Tensor:
        """Return pool5 of pictures, (B, 256, 6, 6)."""
        net: Any = self.trunk
        return net.avgpool(net.features((images - self.mean) / self.deviation))

    def of_maps(self, maps: Tensor) -> Tensor:
        """Return what is made of pool5: (B, 256, 6, 6) to (B, 4096), not below 0, or (B, 1000)."""
        net: Any = self.trunk
        out = net.classifier(maps.flatten(1))
        return out if self.whole else out.relu()

    def forward(self, images: Tensor) -> Tensor:
        return self.of_maps(self.maps(images))


def load_imagenet(net: nn.Module) -> None:
    """Load the weights of ImageNet into every pretrained network within `net`.

    Call it before the first phase, so that a missing file is reported at once and not hours later.

    Raises:
        UserError: where the weights of one are not to be had.
    """
    for part in net.modules():
        if isinstance(part, Pretrained):
            part.load_imagenet()


def _inception(models: Any) -> nn.Module:
    net = models.inception_v3(weights=None, aux_logits=False, init_weights=False)
    net.fc = nn.Identity()
    return net


def _resnet(models: Any) -> nn.Module:
    net = models.resnet152(weights=None)
    net.fc = nn.Identity()
    return net


def _vgg(models: Any) -> nn.Module:
    net = models.vgg16(weights=None)
    return nn.Sequential(OrderedDict(features=net.features[:9]))  # named as in the file: features.0, features.2, ...


def _alexnet(models: Any, whole: bool) -> nn.Module:
    net = models.alexnet(weights=None)
    if not whole:
        net.classifier = net.classifier[:2]  # dropout, which is always off, and fc6
    return net


def _statistics() -> tuple[Tensor, Tensor]:
    """Return mean and deviation of ImageNet's pictures: two of (3, 1, 1), those of [0, 1] brought to [-1, 1]."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]) * 2 - 1, torch.tensor([0.229, 0.224, 0.225]) * 2
    return mean[:, None, None], deviation[:, None, None]


def _models() -> Any:
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # RuntimeError: it was built for another torch
        why = str(error).partition("\n")[0]
        raise UserError(
            f"this network needs a torchvision that fits torch {torch.__version__} ({why}):"
            " pip install 'limner[pretrained]'"
        ) from None
    return models


def _load(path: Path) -> Any:
    if not path.is_file():
        raise UserError(f"there is no file of weights at {path}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # tensors only, so that the file cannot run code
    except Exception:  # a damaged file makes torch.load raise almost anything
        raise UserError(f"{path} holds no weights: fetch it again") from None
