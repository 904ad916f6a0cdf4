"""Tiny hand-made checkouts of the collections that are imported, and a catalogue to import them into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flancollect.dataset.reader import open_build
from tests.catalogs import write

STYLES = """
    options: {dashes: {header: "Options:", item: "- {{ text }}"}}
    shots: {plain: {exemplar: "{{ input }}\\n{{ target }}", query: "{{ input }}"}}
"""

NI_FAMILY = """
    family: natural_instructions
    needs: {definition: text, input: text}
    example: {definition: Say it twice., input: la, answer: lala}
    forward:
      plain: {intro: "{{ definition }}", input: "{{ input }}", target: "{{ answer }}"}
"""

P3 = """
    dataset: fruits
    subset: small
    templates:
      id-1: !Template
        answer_choices: sweet ||| sour
        id: id-1
        jinja: 'How does {{name}} taste? ||| {{ answer_choices[label] }}'
        metadata: !TemplateMetadata
          choices_in_prompt: false
          languages: [en]
          metrics: [Accuracy]
          original_task: true
        name: "taste\\u2026 which?"
        reference: ''
      id-2: !Template
        answer_choices: '{{ options | join("|||") }}'
        id: id-2
        jinja: '{% set shown = options | choice %}Is {{ name }} {{ shown }}?

          ||| {% if shown == answer %} yes {% else %} no {% endif %}'
        metadata: !TemplateMetadata {languages: [en], metrics: [Other]}
        name: guess
        reference: ''
      id-3: !Template
        answer_choices: null
        id: id-3
        jinja: '{{ name | spell }} ||| {{ name }}'
        metadata: !TemplateMetadata {languages: null, metrics: null}
        name: spell
        reference: ''
"""

FRUITS = [
    {"name": name, "label": i % 2, "options": ["sweet", "sour"], "answer": ("sweet", "sour")[i % 2]}
    for i, name in enumerate(["Plum", "Lime ", "Fig", "Quince", "Pear", "Sloe", "Date", "Rhubarb"])
]

PATTERNS = '''
"""Nothing here is run."""
raise SystemExit("run")

PATTERNS = {
    "taste": [
        ("Is {fruit} sweet?\\n\\n{options_}", "{answer}"),
        ("{fruit} " + "tastes:\\n{options_str}", "{answer}"),
        ("Name something {answer}.\\n\\n{options_}", "{fruit}"),
        ("Braces {{here}} and {fruit}", "{answer}"),
        ("{fruit!r}", "{answer}"),
        ("{fruit}", "{options_}{answer}"),
        (make(), "{answer}"),
    ],
}
PATTERNS["flavour"] = PATTERNS["taste"]
PATTERNS_NO_OPTIONS = copy.deepcopy(PATTERNS)

FEWSHOT_PATTERNS = {
    "taste": [
        Few(
            inputs="{fruit}",
            targets="{answer}",
            inputs_prefix="Fruit: ",
            targets_prefix="Taste: ",
            x_y_delimiter="\\n",
            input_pattern="{{Definition}}\\n\\n{{inputs}}{final_suffix}",
            in_template_mix=False,
        ),
        Few(inputs="{fruit}", targets="{answer}", input_pattern="{{inputs}} Think."),
    ],
}
'''


def embedded(folder: Path) -> Path:
    """A small embedded collection: styles, and the family that Natural Instructions needs."""
    return write(
        folder,
        {
            "templates/_styles.yaml": STYLES,
            "templates/natural_instructions.yaml": NI_FAMILY,
            "task_cards/none.txt": "",
            "sources.lock.json": '{"format": 1, "sources": {}}',
        },
    )


def promptsource(folder: Path, text: str = P3, name: str = "fruits/small") -> Path:
    """A checkout of one template file."""
    return write(folder, {f"promptsource/templates/{name}/templates.yaml": text})


def flan(folder: Path, text: str = PATTERNS) -> Path:
    """A checkout of one template file."""
    return write(folder, {"flan/v2/templates.py": text})


def natural_instructions(folder: Path, **tasks: Any) -> Path:
    """A checkout of task files, each given as its value."""
    files = {f"tasks/{name}.json": json.dumps(task) for name, task in tasks.items()}
    return write(folder, {**files, "README.md": ""})


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The rows of a finished build."""
    return list(open_build(out))
