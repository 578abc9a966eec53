"""Two stages: a sketch drawn from noise and a text's code, and a net that draws a larger picture over it.

The nets of StackGAN (Zhang et al. 2017, sections 3.3 and 3.4), which are ChatPainter's, too. Convolutions are those of
the authors' TensorFlow code: without bias, with bottleneck residuals.

Letters: B pictures, S their side, f that of a sketch, E width of the vector of what is asked, c = 128 numbers of its
code, Z = 100 numbers of noise, g the width of the generators.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from limner.blocks.layers.conditioning_augmentation import ConditioningAugmentation, GaussianCode, reparameterise
from limner.blocks.layers.convolutions import Bottleneck, doublings, down, tile
from limner.blocks.layers.tree import Drawn
from limner.blocks.layers.upsampling import Upsample, UpsampleConv

Z, CODE = 100, 128


class Sketcher(nn.Module):
    """G_0, stage I, section 3.3: noise and a text's code to a sketch: (B, Z), (B, E) to (B, 3, f, f)."""

    def __init__(self, width: int, size: int, text_width: int) -> None:
        super().__init__()
        widths = [8 * width >> i for i in range(doublings(size))]  # 8g, 4g, 2g, g at 64 pixels
        self.augment = ConditioningAugmentation(text_width, CODE, gated=False)
        layers: list[nn.Module] = [nn.Linear(Z + CODE, widths[0] * 16), nn.BatchNorm1d(widths[0] * 16)]
        layers += [nn.Unflatten(1, (widths[0], 4, 4)), Bottleneck(widths[0], widths[0] // 4, nn.ReLU())]
        for place, (inside, outside) in enumerate(pairwise(widths)):
            *double, act = Upsample(inside, outside)
            layers += [*double, Bottleneck(outside, outside // 4, nn.ReLU()) if place == 0 else act]
        self.draw = nn.Sequential(*layers, UpsampleConv(widths[-1], 3), nn.Tanh())

    def forward(self, z: Tensor, epsilon: Tensor, sentence: Tensor) -> tuple[Tensor, GaussianCode]:
        """Return a sketch and the Gaussian of its text's code, mu_0 + sigma_0 * epsilon with epsilon (B, c)."""
        gaussian = self.augment(sentence)
        return self.draw(torch.cat([z, reparameterise(gaussian, epsilon)], dim=1)), gaussian


class Refiner(nn.Module):
    """G, stage II, section 3.4: a sketch, halved twice, with the text's code at each place, to the finished picture."""

    def __init__(self, width: int, first: int, size: int, text_width: int, residuals: int) -> None:
        super().__init__()
        relu, wide = nn.ReLU(), 4 * width
        self.augment = ConditioningAugmentation(text_width, CODE, gated=False)
        encode = [nn.Conv2d(3, width, 3, padding=1, bias=False), relu, down(width, 2 * width), relu]
        self.look = nn.Sequential(*encode, down(2 * width, wide), relu)  # (B, 4g, f/4, f/4)
        joined = nn.Conv2d(wide + CODE, wide, 3, padding=1, bias=False)
        self.join = nn.Sequential(joined, nn.BatchNorm2d(wide), relu, *(Residual(wide) for _ in range(residuals)))
        times = doublings(size) - doublings(first) + 2
        widths = [max(wide >> i, 4) for i in range(times + 1)]  # 4g, 2g, g, g/2, g/4 from 64 to 256 pixels
        ups = [Upsample(inside, outside) for inside, outside in pairwise(widths)]
        self.draw = nn.Sequential(*ups, nn.Conv2d(widths[-1], 3, 3, padding=1, bias=False), nn.Tanh())

    def forward(self, sketch: Tensor, epsilon: Tensor, sentence: Tensor) -> tuple[Tensor, GaussianCode]:
        """Return the finished picture (B, 3, S, S), and the Gaussian of its text's code, mu + sigma * epsilon."""
        gaussian = self.augment(sentence)
        joined = self.join(tile(reparameterise(gaussian, epsilon), self.look(sketch)))
        return self.draw(joined), gaussian


class Residual(nn.Module):
    """relu(x + f(x)), f two 3x3 convolutions with batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(2))
        self.branch = nn.Sequential(first, nn.BatchNorm2d(width), nn.ReLU(), second, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.branch(x)).relu()


class Stacked(nn.Module):
    """Both stages: noise (B, Z), epsilon (B, 2c) of the two codes and sentence vectors (B, E) to sketch and picture."""

    def __init__(self, sketcher: Sketcher, refiner: Refiner) -> None:
        super().__init__()
        self.sketcher, self.refiner = sketcher, refiner

    def forward(self, z: Tensor, epsilon: Tensor, sentence: Tensor) -> Drawn:
        first, second = epsilon.chunk(2, dim=1)
        sketch, rough = self.sketcher(z, first, sentence)
        picture, fine = self.refiner(sketch, second, sentence)
        return Drawn([sketch, picture], [rough, fine])


class OneStage(nn.Module):
    """Stage I alone, its sketch the picture; it takes what `Stacked` does, and leaves the second half of epsilon."""

    def __init__(self, sketcher: Sketcher) -> None:
        super().__init__()
        self.sketcher = sketcher

    def forward(self, z: Tensor, epsilon: Tensor, sentence: Tensor) -> Drawn:
        sketch, rough = self.sketcher(z, epsilon.chunk(2, dim=1)[0], sentence)
        return Drawn([sketch], [rough])
