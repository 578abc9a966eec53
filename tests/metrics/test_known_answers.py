"""Every metric on cases whose answer is known by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from limner import metrics
from limner.errors import UserError
from limner.metrics.neighbours import nearest


def cloud(count: int, width: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) * scale + shift


def pictures(count: int, seed: int, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class TestFrechet:
    def test_the_same_set_is_at_distance_0(self) -> None:
        x = cloud(400, 8, 0)
        assert metrics.frechet_distance(x, x) == pytest.approx(0, abs=1e-6)

    def test_two_gaussians_worked_by_hand(self) -> None:
        # Means a shift of 2 in each of 4 numbers: 16. Deviations 1 and 3: 4 (1 + 9 - 2 * 3) = 16.
        far = metrics.frechet_distance(cloud(60_000, 4, 1), cloud(60_000, 4, 2, shift=2, scale=3))
        assert far == pytest.approx(32, rel=0.02)

    def test_gaussians_that_lean_apart(self) -> None:
        # Covariances made exact: C1 = [[4, 0], [0, 1]], C2 = [[2, 1], [1, 2]]. C1 C2 has trace 10 and determinant 12,
        # so its root has trace (10 + 2 * 12^(1/2))^(1/2). Means 3 apart in one number: 9.
        z = cloud(50, 2, 3).double()
        z = z - z.mean(dim=0)
        white = torch.linalg.solve_triangular(torch.linalg.cholesky(z.T.cov()), z.T, upper=False).T
        one, other = torch.tensor([[4.0, 0.0], [0.0, 1.0]]).double(), torch.tensor([[2.0, 1.0], [1.0, 2.0]]).double()
        a, b = (white @ torch.linalg.cholesky(c).T for c in (one, other))
        by_hand = 9 + 5 + 4 - 2 * math.sqrt(10 + 2 * math.sqrt(12))
        assert metrics.frechet_distance(a, b + torch.tensor([3.0, 0.0])) == pytest.approx(by_hand, abs=1e-9)

    def test_fewer_pictures_than_features(self) -> None:
        a, b = cloud(60, 128, 1).double(), cloud(60, 128, 2, shift=0.1).double()
        spread = [(x - x.mean(dim=0)) / math.sqrt(59) for x in (a, b)]  # the root's trace by singular values instead
        root = torch.linalg.svdvals(spread[0] @ spread[1].T).sum()
        told = (a.mean(0) - b.mean(0)).square().sum() + sum(x.square().sum() for x in spread) - 2 * root
        assert metrics.frechet_distance(a, b) == pytest.approx(float(told), rel=1e-5)
        assert metrics.frechet_distance(a, a.flip(0)) == pytest.approx(0, abs=1e-3)

    def test_grey_pictures_lose_all_variance(self) -> None:
        real = cloud(500, 8, 0)
        assert metrics.frechet_distance(real, real.mean(0).expand(9, -1)) == pytest.approx(
            float(real.double().var(dim=0).sum()), rel=1e-5
        )

    @pytest.mark.parametrize("bad", [torch.zeros(1, 4), torch.full((5, 4), math.nan), torch.zeros(0, 4)])
    def test_what_would_crash_the_solver_is_refused(self, bad: torch.Tensor) -> None:
        with pytest.raises(UserError, match="2 pictures or more a side"):
            metrics.frechet_distance(cloud(9, 4, 0), bad)

    def test_few_pictures_come_out_too_far(self) -> None:
        few = metrics.frechet_distance(cloud(2000, 16, 1), cloud(50, 16, 2))
        many = metrics.frechet_distance(cloud(2000, 16, 1), cloud(2000, 16, 2))
        assert few > 5 * many


class TestKernel:
    def test_is_0_on_average_between_equal_clouds_however_few(self) -> None:
        means = [metrics.kernel_distance(cloud(60, 8, s), cloud(60, 8, 1000 + s), subsets=1)[0] for s in range(200)]
        error = torch.tensor(means).std() / math.sqrt(len(means))
        assert abs(sum(means) / len(means)) < 3 * error

    def test_worked_by_hand(self) -> None:
        # One number each, kernel (xy + 1)^3. x in {0, 1}: off the diagonal 1. y in {2, 2}: 125. Across: 1, 27.
        x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [2.0]])
        assert metrics.kernel_distance(x, y, subsets=2, subset=2)[0] == pytest.approx(1 + 125 - 2 * 14)

    def test_grows_with_the_shift(self) -> None:
        near, far = (metrics.kernel_distance(cloud(300, 4, 1), cloud(300, 4, 2, shift=s))[0] for s in (0.5, 2))
        assert far > 5 * near > 0


class TestInceptionScore:
    def test_undecided_is_1_and_decided_and_even_is_the_number_of_classes(self) -> None:
        even = torch.full((100, 10), 0.1)
        assert metrics.inception_score(even) == (pytest.approx(1), pytest.approx(0, abs=1e-9))
        decided = torch.eye(10).repeat(20, 1)
        assert metrics.inception_score(decided, splits=4)[0] == pytest.approx(10)

    def test_one_class_alone_is_1(self) -> None:
        assert metrics.inception_score(torch.eye(10)[:1].repeat(50, 1))[0] == pytest.approx(1)


class TestPrecisionRecall:
    def test_the_same_cloud_has_both(self) -> None:
        x = cloud(200, 4, 0)
        assert metrics.precision_recall(x, x) == (1, 1)

    def test_half_of_the_kinds_drawn_well(self) -> None:
        left, right = cloud(200, 4, 1, shift=-20), cloud(200, 4, 2, shift=20)
        precision, recall = metrics.precision_recall(torch.cat([left, right]), cloud(200, 4, 3, shift=-20))
        assert precision > 0.8 and 0.3 < recall <= 0.5

    def test_far_away_has_neither(self) -> None:
        assert metrics.precision_recall(cloud(100, 4, 0), cloud(100, 4, 1, shift=100)) == (0, 0)

    def test_one_picture_repeated_is_precise_and_recalls_nothing(self) -> None:
        real = cloud(200, 4, 0)
        assert metrics.precision_recall(real, real[:1].expand(200, -1)) == (1, 1 / 200)


class TestAttributes:
    def test_counted_by_hand(self) -> None:
        wanted = torch.tensor([[0, 1, -1], [1, 1, -1], [-1, -1, -1]])
        named = torch.tensor([[0, 1, 5], [1, 0, 5], [2, 2, 2]])
        found = metrics.attribute_accuracy(named, wanted, ["hair", "hat", "eyes"])
        assert found.each == {"hair": 1.0, "hat": 0.5} and found.counts == {"hair": 2, "hat": 2}
        assert (found.mean, found.pooled, found.all_at_once) == (0.75, 0.75, 0.5)

    def test_nothing_asked(self) -> None:
        found = metrics.attribute_accuracy(torch.zeros(2, 1), torch.full((2, 1), -1), ["hair"])
        assert (found.mean, found.pooled, found.all_at_once, found.each) == (0, 0, 0, {})


class TestRPrecision:
    captions = tuple(f"picture {i}" for i in range(300))

    def test_codes_that_match_find_their_own(self) -> None:
        x = cloud(300, 32, 0)
        assert metrics.r_precision(x, x, self.captions) == 1

    def test_shuffled_codes_find_it_once_in_a_hundred(self) -> None:
        x = cloud(300, 32, 0)
        assert metrics.r_precision(x.roll(1, 0), x, self.captions) < 0.04

    def test_codes_all_alike_are_misses(self) -> None:
        assert metrics.r_precision(torch.ones(300, 8), torch.ones(300, 8), self.captions) == 0

    def test_one_code_for_all_texts_is_a_miss_whatever_its_rounding(self) -> None:
        pictures, lengths = cloud(300, 33, 8), torch.linspace(1, 2, 300)[:, None]
        assert metrics.r_precision(pictures, cloud(1, 33, 7) * lengths, self.captions) == 0

    def test_is_attngans_protocol_step_by_step(self) -> None:
        pictures, texts = cloud(300, 16, 0), cloud(300, 16, 0) + cloud(300, 16, 1)
        captions = [(f"picture {i // 2}", "a") for i in range(300)]  # two of each
        unit = [x / x.norm(dim=1, keepdim=True) for x in (pictures, texts)]
        scores, rng, hits = unit[0] @ unit[1].T, np.random.default_rng(5), 0
        for row, own in enumerate(captions):
            others = [j for j in rng.permutation(300) if captions[j] != own][:99]
            hits += bool(scores[row, row] > scores[row, others].max())
        assert 0.2 < hits / 300 < 0.95
        assert metrics.r_precision(pictures, texts, captions, seed=5) == hits / 300

    def test_texts_that_say_the_same_are_no_rivals(self) -> None:
        x = cloud(2, 8, 0)
        assert metrics.r_precision(x[[1, 1]], x[[1, 1]], ["same", "same"]) == 1


class TestPictures:
    def test_ssim_of_the_same_picture_is_1_and_of_grey_almost_0(self) -> None:
        x = pictures(4, 0)
        assert metrics.ssim(x, x) == pytest.approx(1, abs=1e-5)
        assert metrics.ssim(torch.zeros_like(x), x) < 0.05

    def test_ssim_of_two_greys_is_that_of_their_light(self) -> None:
        dark, bright = torch.full((1, 3, 16, 16), -0.5), torch.full((1, 3, 16, 16), 0.5)  # light of 1/4 and 3/4
        assert metrics.ssim(dark, bright) == pytest.approx((2 * 3 / 16 + 1e-4) / (10 / 16 + 1e-4), abs=1e-3)
        assert metrics.ssim(dark / 16, bright / 16) > 0.99, "greys around the middle are no opposites"

    def test_one_picture_repeated_has_no_diversity(self) -> None:
        x = pictures(2, 0)[:, None].expand(-1, 5, -1, -1, -1)
        found = metrics.diversity(x, torch.ones(2, 5, 7))
        assert found == {"pixels": pytest.approx(0, abs=1e-6), "features": 0}

    def test_diversity_of_coins(self) -> None:
        x = torch.ones(1, 2, 3, 8, 8)
        x[:, 1] = -1  # black and white: deviation 1
        assert metrics.diversity(x)["pixels"] == pytest.approx(1)

    def test_copies_are_found_with_their_row(self) -> None:
        train = ((pictures(500, 0) + 1) * 127.5).byte()
        copies = train[[7, 400]].float() / 127.5 - 1
        found = nearest(copies, train, pictures(200, 1))
        assert found.rows.tolist() == [7, 400] and found.share == 1
        assert found.distances.max() < 1e-6

    def test_copies_are_found_through_noise_and_where_the_held_out_repeat_too(self) -> None:
        train = ((pictures(500, 0) + 1) * 127.5).byte()
        copies = train[:100].float() / 127.5 - 1
        noisy = (copies + cloud(copies.numel(), 1, 3, scale=0.02).view_as(copies)).clamp(-1, 1)
        assert nearest(noisy, train, pictures(200, 1)).share == 1
        repeats = torch.cat([pictures(190, 1), train[200:210].float() / 127.5 - 1])
        assert nearest(copies, train, repeats).share == 1
        assert nearest(pictures(200, 2), train, repeats).share == 0

    def test_a_file_of_pictures_is_read_in_chunks(self, tmp_path: Path) -> None:
        pixels = ((pictures(300, 0, size=16) + 1) * 127.5).byte().numpy()
        kept = np.memmap(tmp_path / "pixels", dtype=np.uint8, mode="w+", shape=pixels.shape)
        kept[:] = pixels
        train = torch.from_numpy(kept)
        found = nearest(train[[299, 3]].float() / 127.5 - 1, train, pictures(50, 1, size=16), batch=7)
        assert found.rows.tolist() == [299, 3] and found.distances.tolist() == [0, 0]

    def test_honest_pictures_are_not_called_copies(self) -> None:
        train = ((pictures(500, 0) + 1) * 127.5).byte()
        assert nearest(pictures(200, 2), train, pictures(200, 1)).share < 0.06


def test_intervals_worked_by_hand() -> None:
    assert metrics.interval(0.5, 100) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    low, high = metrics.interval(1.0, 10)
    assert high == pytest.approx(1) and low == pytest.approx(0.7225, abs=1e-3)
    assert metrics.interval(0.3, 0) == (0, 1)


def test_inception_without_weights_says_where_they_belong(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("LIMNER_INCEPTION", str(tmp_path / "none.pth"))
    with pytest.raises(UserError, match="set LIMNER_INCEPTION"):
        metrics.Inception()


def test_collect_sees_in_batches() -> None:
    class Mean:
        name = "mean"

        def features(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3))

        def probabilities(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean(dim=(2, 3)).softmax(dim=1)

    x = pictures(7, 0)
    torch.testing.assert_close(metrics.collect(Mean(), x, batch=3), x.mean(dim=(2, 3)))


class TestBleu:
    def test_the_same_words_get_1_and_others_0(self) -> None:
        said = ["a red hat on a cat", "a blue bird sings"]
        assert metrics.bleu(said, [["no", said[0]], [said[1]]]) == pytest.approx(1)
        assert metrics.bleu(said, [[said[1]], [said[0]]]) == 0

    def test_a_sentence_worked_by_hand(self) -> None:
        # Runs of 1 to 4 words that are right: 5 of 6, 3 of 5, 2 of 4, 1 of 3; as long as the nearer reference.
        found = metrics.bleu(["a red hat on a cat"], [["a red hat on the cat", "cat"]])
        assert found == pytest.approx((5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25, abs=1e-6)


def waves(across: float, down: float = 0.0, amplitude: float = 0.5, size: int = 32) -> torch.Tensor:
    """One picture of a wave of so many periods across and down."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    phase = 2 * math.pi * (across * x + down * y) / size
    return (amplitude * phase.cos()).expand(1, 3, -1, -1)


class TestHighFrequencyPower:
    @pytest.mark.parametrize("size", [16, 32, 64])
    def test_a_chequerboard_has_the_square_of_its_amplitude(self, size: int) -> None:
        chequers = waves(size / 2, size / 2, 0.3, size)  # +0.3 and -0.3 in turn
        assert chequers[0, 0, :2, :2].tolist() == [
            [pytest.approx(s) for s in row] for row in [[0.3, -0.3], [-0.3, 0.3]]
        ]
        assert metrics.high_frequency_power(chequers) == pytest.approx(0.09, rel=1e-4)
        assert metrics.high_frequency_power(waves(size / 2, 0, 0.3, size)) == pytest.approx(0.09, rel=1e-4)  # stripes

    def test_what_is_smooth_has_none(self) -> None:
        assert metrics.high_frequency_power(waves(3, 2)) < 1e-8
        assert metrics.high_frequency_power(torch.full((2, 3, 32, 32), 0.7)) < 1e-8
        ramp = torch.linspace(-1, 1, 32).expand(1, 3, 32, 32)  # its ends differ, which is no edge in the picture
        assert metrics.high_frequency_power(ramp) < 1e-6

    def test_a_grid_adds_its_own_to_what_there_is(self) -> None:
        real = pictures(20, 0)
        smooth = torch.nn.functional.avg_pool2d(real, 3, 1, 1)
        power = metrics.high_frequency_power(smooth)
        assert 0 < power < metrics.high_frequency_power(real) / 4
        assert metrics.high_frequency_power(smooth + waves(16, 16, 0.2)) == pytest.approx(power + 0.04, rel=0.05)

    def test_it_is_a_mean_over_pictures_and_channels(self) -> None:
        chequers, grey = waves(16, 16, 0.4), torch.zeros(1, 3, 32, 32)
        assert metrics.high_frequency_power(torch.cat([chequers, grey])) == pytest.approx(0.08, rel=1e-4)


class TestIdentity:
    def test_by_hand(self) -> None:
        before = torch.tensor([[0, 1, 2], [1, 1, 1]])
        after = torch.tensor([[3, 1, 0], [1, 0, 1]])
        counted = torch.tensor([[True, True, True], [True, True, False]])
        # First pair: attribute 0 was to become 3, and did; of the others 1 stayed, 2 did not. Second: attribute 1 was
        # to become 2 and became 0; of the others attribute 0 stayed, and 2 does not count.
        found = metrics.identity(before, after, torch.tensor([0, 1]), torch.tensor([3, 2]), counted)
        assert found.kept == pytest.approx(2 / 3) and found.obeyed == 0.5
        assert found.each[:2] == (1, 1) and found.each[2] == 0

    def test_the_changed_one_never_counts_as_kept(self) -> None:
        same = torch.zeros(1, 2, dtype=torch.long)
        found = metrics.identity(same, same + torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([0]), same == 0)
        assert found.kept == 0 and found.obeyed == 1 and math.isnan(found.each[0])

    def test_wordings_beside_seeds(self) -> None:
        # Two wordings at -0.1 and 0.1 deviate by 0.1; two seeds at -0.4 and 0.4 by 0.4.
        worded, seeded = (torch.tensor([-a, a]).view(1, 2, 1, 1, 1).expand(3, 2, 3, 4, 4) for a in (0.1, 0.4))
        assert metrics.rewording_ratio(worded, seeded) == pytest.approx(0.25)
        assert metrics.rewording_ratio(seeded, seeded) == 1 and metrics.rewording_ratio(worded * 0, seeded) == 0
        assert math.isnan(metrics.rewording_ratio(worded, seeded * 0))


class TestChangeOutside:
    def test_by_hand(self) -> None:
        before = torch.zeros(2, 3, 4, 4)
        after = before.clone()
        after[0, :, :2, :2] = 0.8  # the part, a quarter of the picture
        after[0, :, 2:, 2:] = 0.2  # a third of the rest
        quarter = torch.tensor([0.0, 0.0, 0.5, 0.5])
        assert metrics.change_outside(before, after, quarter.repeat(2, 1)) == pytest.approx(0.2 / 3 / 0.8)
        after[1] = 0.4  # all alike
        expected = (0.2 / 3 + 0.4) / (0.8 + 0.4)
        assert metrics.change_outside(before, after, quarter.repeat(2, 1)) == pytest.approx(expected)

    def test_pairs_of_no_known_part_do_not_count(self) -> None:
        before, nan = torch.zeros(2, 3, 4, 4), float("nan")
        after = before.clone()
        after[0, :, :2] = 1.0
        after[1] = 1.0
        boxes = torch.tensor([[0.0, 0.0, 1.0, 0.5], [nan] * 4])
        assert metrics.change_outside(before, after, boxes) == 0
        assert math.isnan(metrics.change_outside(before, after, boxes * nan))
        assert math.isnan(metrics.change_outside(before, before, boxes))

    def test_a_part_of_the_whole_picture_has_no_outside(self) -> None:
        everything = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        assert math.isnan(metrics.change_outside(torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), everything))


class TestSilhouettes:
    def test_what_is_unlike_the_ground(self) -> None:
        picture = torch.full((1, 3, 4, 4), 0.5)
        picture[:, :, 2:, 1:3] = -0.5
        picture[:, 0, 0, 1] = 0.7  # by less than a tenth, as a mean over channels
        found = metrics.silhouette(picture)
        assert found.sum() == 4 and found[0, 2:, 1:3].all()

    def test_overlap_by_hand(self) -> None:
        one, other = torch.zeros(3, 4, 4, dtype=torch.bool), torch.zeros(3, 4, 4, dtype=torch.bool)
        one[0, :2], other[0, 1:3] = True, True  # 4 of 12
        one[1], other[1] = True, True
        assert metrics.overlap(one, other) == pytest.approx((4 / 12 + 1 + 1) / 3)  # nothing beside nothing is alike
