"""Which tasks Flan 2022 also turns around: they have inverted wordings, or an inverted task of their own.

Counted from the released template tables (google-research/FLAN, flan/v2).
"""

from __future__ import annotations

TURNED_AROUND = frozenset(
    """
    aeslc ag_news_subset anli_r1 anli_r2 anli_r3 arc_challenge arc_easy cb cnn_dailymail cola common_gen copa
    coqa cosmos_qa dart dmcc_python dr_repair_error_comments dr_repair_line_numbers dr_repair_no_errors
    dr_repair_plain_code drop gigaword imdb_reviews multi_news multirc newsroom openbookqa
    opinion_abstracts_idebate opinion_abstracts_rotten_tomatoes para_crawl_enes piqa qnli qrecc quac rte samsum
    sentiment140 snli squad_v1 sst2 story_cloze stsb task_master trec true_case web_nlg_en wiki_dialog
    wiki_lingua_english_en wmt14_enfr wmt16_translate_csen wmt16_translate_deen wmt16_translate_fien
    wmt16_translate_roen wmt16_translate_ruen wmt16_translate_tren word_segment xsum yelp_polarity_reviews
    cot_creak cot_ecqa cot_esnli cot_gsm8k cot_qasc cot_sensemaking cot_strategyqa stream_aqua stream_qed
    """.split()
)
