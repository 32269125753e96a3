from __future__ import annotations


def test_parts_of_the_document_are_there_even_when_it_has_none(make_subject):
    subject = make_subject()
    assert subject.process["args"] == ["sh"]
    assert "namespaces" in subject.linux
    bare = type(subject)(record=subject.record, oci={})
    assert (dict(bare.process), dict(bare.linux)) == ({}, {})
