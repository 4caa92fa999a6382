"""Named streams: the same draws whatever else is drawn."""

from cosim.seeding import EVERY_EPISODE, stream


def test_a_stream_depends_on_seed_episode_and_name_alone() -> None:
    first = stream(1, 0, "uncertainty.load").random(3).tolist()
    stream(1, 0, "another.component").random(100)
    assert stream(1, 0, "uncertainty.load").random(3).tolist() == first


def test_streams_differ() -> None:
    draws = {
        float(stream(seed, episode, name).random())
        for seed in (0, 1)
        for episode in (EVERY_EPISODE, 0, 1)
        for name in ("a", "b")
    }
    assert len(draws) == 12


def test_the_first_draw_stays_what_it_is() -> None:
    # A change here changes every result: it belongs in the changelog.
    assert stream(1, 0, "fleet.start").random() == 0.7401866115250514
