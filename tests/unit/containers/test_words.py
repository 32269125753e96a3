"""The word lists give names of the grammar, without repeats."""

from __future__ import annotations

from baleen.containers.words import ADJECTIVES, SURNAMES


def test_words_are_lower_case_letters_and_unique():
    for words in (ADJECTIVES, SURNAMES):
        assert len(words) == len(set(words)) > 80
        assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
