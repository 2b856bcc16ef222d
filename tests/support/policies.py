"""Policies for tests."""


def masking_mail(name, *more):
    """One that masks addresses and denies a word, with `more` rules as they stand in the file."""
    return MAIL_AND_WORD.format(name=name) + "".join(more)


MAIL_AND_WORD = """\
version: 1
policy: {name}
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {{type: pii, entities: [EMAIL_ADDRESS]}}
    action: mask
    mask: {{with: placeholder}}
  - id: word
    title: A forbidden word
    severity: high
    detect: {{type: words, words: [DENYME]}}
    action: deny
"""

NAMES = """\
  - id: name
    title: Name of a person
    severity: low
    detect: {type: pii, entities: [PERSON]}
    action: mask
    mask: {with: placeholder}
"""
"""A rule that no stream can be held to."""
