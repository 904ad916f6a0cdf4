"""Where datasets that older collections name by one word live on the Hub today.

The Hub forwards old names, so a dataset that is not listed keeps its name. Columns that were renamed on the
way are listed with the expression that gives them now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A dataset's id, the config that stands for none, its splits, and expressions for renamed columns."""

    hub: str
    config: str = "default"
    splits: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


# `splits` is given where a dataset has others than train, validation and test, or lacks one that a card needs.
HOMES: dict[str, Home] = {
    "adversarial_qa": Home(hub="UCLNLP/adversarial_qa", config="adversarialQA"),
    "aeslc": Home(hub="Yale-LILY/aeslc"),
    "ag_news": Home(hub="fancyzhx/ag_news"),
    "ai2_arc": Home(hub="allenai/ai2_arc"),
    "amazon_polarity": Home(hub="fancyzhx/amazon_polarity", config="amazon_polarity"),
    "anli": Home(
        hub="facebook/anli",
        config="plain_text",
        splits={"train": "train_r1", "validation": "dev_r1", "test": "test_r1"},
    ),
    "app_reviews": Home(hub="sealuzh/app_reviews"),
    "aqua_rat": Home(hub="deepmind/aqua_rat"),
    "cnn_dailymail": Home(hub="abisee/cnn_dailymail", config="3.0.0"),
    "common_gen": Home(hub="allenai/common_gen"),
    "commonsense_qa": Home(hub="tau/commonsense_qa"),
    "coqa": Home(hub="stanfordnlp/coqa"),
    "cos_e": Home(hub="Salesforce/cos_e"),
    "cosmos_qa": Home(hub="allenai/cosmos_qa"),
    "crows_pairs": Home(hub="nyu-mll/crows_pairs", config="crows_pairs", splits={"train": "test"}),
    "dbpedia_14": Home(hub="fancyzhx/dbpedia_14", config="dbpedia_14"),
    "definite_pronoun_resolution": Home(
        hub="community-datasets/definite_pronoun_resolution", config="plain_text"
    ),
    "dream": Home(hub="dataset-org/dream", config="plain_text"),
    "drop": Home(hub="ucinlp/drop"),
    "duorc": Home(hub="ibm-research/duorc"),
    "e2e_nlg_cleaned": Home(hub="tuetschek/e2e_nlg_cleaned"),
    "esnli": Home(hub="esnli/esnli", config="plain_text"),
    "gigaword": Home(hub="Harvard/gigaword"),
    "glue": Home(hub="nyu-mll/glue"),
    "hellaswag": Home(hub="Rowan/hellaswag"),
    "imdb": Home(hub="stanfordnlp/imdb", config="plain_text"),
    "kilt_tasks": Home(hub="facebook/kilt_tasks"),
    "lambada": Home(hub="cimec/lambada", config="plain_text"),
    "math_dataset": Home(hub="deepmind/math_dataset"),
    "math_qa": Home(hub="allenai/math_qa"),
    "multi_news": Home(hub="alexfabbri/multi_news"),
    "multi_nli": Home(hub="nyu-mll/multi_nli"),
    "nq_open": Home(hub="google-research-datasets/nq_open", config="nq_open"),
    "openbookqa": Home(hub="allenai/openbookqa"),
    "paws": Home(hub="google-research-datasets/paws"),
    "piqa": Home(hub="ybisk/piqa", config="plain_text"),
    "qasc": Home(hub="allenai/qasc"),
    "qed": Home(hub="google-research-datasets/qed", config="qed"),
    "quac": Home(hub="allenai/quac", config="plain_text"),
    "quail": Home(hub="textmachinelab/quail", config="quail"),
    "quarel": Home(hub="community-datasets/quarel"),
    "quartz": Home(hub="allenai/quartz"),
    "quoref": Home(hub="allenai/quoref"),
    "race": Home(hub="ehovy/race"),
    "ropes": Home(hub="allenai/ropes", config="plain_text"),
    "samsum": Home(hub="Samsung/samsum", config="samsum"),
    "sciq": Home(hub="allenai/sciq"),
    "snli": Home(hub="stanfordnlp/snli", config="plain_text"),
    "social_i_qa": Home(hub="allenai/social_i_qa"),
    "squad": Home(hub="rajpurkar/squad", config="plain_text"),
    "squad_v2": Home(hub="rajpurkar/squad_v2", config="squad_v2"),
    "story_cloze": Home(hub="LSDSem/story_cloze"),
    "super_glue": Home(hub="aps/super_glue"),
    "trec": Home(hub="CogComp/trec", columns={"label_coarse": "coarse_label", "label_fine": "fine_label"}),
    "trivia_qa": Home(hub="mandarjoshi/trivia_qa"),
    "tydiqa": Home(hub="google-research-datasets/tydiqa"),
    "web_questions": Home(hub="stanfordnlp/web_questions"),
    "wiki_bio": Home(hub="michaelauli/wiki_bio"),
    "wiki_hop": Home(hub="QAngaroo/wiki_hop"),
    "wiki_qa": Home(hub="microsoft/wiki_qa"),
    "wino_bias": Home(hub="uclanlp/wino_bias"),
    "winograd_wsc": Home(hub="ErnestSDavis/winograd_wsc"),
    "winogrande": Home(hub="allenai/winogrande"),
    "wiqa": Home(hub="allenai/wiqa"),
    "xsum": Home(hub="EdinburghNLP/xsum"),
    "yelp_polarity": Home(hub="fancyzhx/yelp_polarity", config="plain_text"),
    "yelp_review_full": Home(hub="Yelp/yelp_review_full", config="yelp_review_full"),
}


def home_of(dataset: str) -> Home:
    """Where a dataset lives; under its old name if nothing newer is known."""
    return HOMES.get(dataset, Home(hub=dataset))
