//! Filters.

use super::table::{self, Entry, entry};

mod lists;
mod texts;

/// The filter of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    table::find(&FILTERS, name)
}

static FILTERS: [Entry; 54] = [
    entry("abs", "", texts::absolute),
    entry("attr", "name", lists::attr),
    entry("batch", "linecount fill_with?", lists::batch),
    entry("capitalize", "", texts::capitalize),
    entry("center", "width?", texts::center),
    entry("count", "", lists::length),
    entry("d", "default_value? boolean?", lists::default),
    entry("default", "default_value? boolean?", lists::default),
    entry("dictsort", "case_sensitive? by? reverse?", lists::dict_sort),
    entry("e", "", texts::escape),
    entry("escape", "", texts::escape),
    entry("filesizeformat", "binary?", texts::file_size),
    entry("first", "", lists::first),
    entry("float", "default?", texts::to_float),
    entry("forceescape", "", texts::force_escape),
    entry("format", "*", texts::format),
    entry(
        "groupby",
        "attribute default? case_sensitive?",
        lists::group_by,
    ),
    entry("indent", "width? first? blank?", texts::indent),
    entry("int", "default? base?", texts::to_int),
    entry("items", "", lists::items),
    entry("join", "d? attribute?", lists::join),
    entry("last", "", lists::last),
    entry("length", "", lists::length),
    entry("list", "", lists::list),
    entry("lower", "", texts::lower),
    entry("map", "*", lists::map),
    entry("max", "case_sensitive? attribute?", lists::max),
    entry("min", "case_sensitive? attribute?", lists::min),
    entry("pprint", "", texts::pretty),
    entry("random", "", lists::random),
    entry("reject", "*", lists::reject),
    entry("rejectattr", "*", lists::reject_attr),
    entry("replace", "old new count?", texts::replace),
    entry("reverse", "", lists::reverse),
    entry("round", "precision? method?", texts::round),
    entry("safe", "", texts::safe),
    entry("select", "*", lists::select),
    entry("selectattr", "*", lists::select_attr),
    entry("slice", "slices fill_with?", lists::slice),
    entry("sort", "reverse? case_sensitive? attribute?", lists::sort),
    entry("string", "", texts::string),
    entry("striptags", "", texts::strip_tags),
    entry("sum", "attribute? start?", lists::sum),
    entry("title", "", texts::title),
    entry("tojson", "indent?", texts::to_json),
    entry("trim", "chars?", texts::trim),
    entry(
        "truncate",
        "length? killwords? end? leeway?",
        texts::truncate,
    ),
    entry("unique", "case_sensitive? attribute?", lists::unique),
    entry("upper", "", texts::upper),
    entry("urlencode", "", texts::url_encode),
    entry("urlize", "*", super::methods::text::refusal()),
    entry("wordcount", "", texts::word_count),
    entry(
        "wordwrap",
        "width? break_long_words? wrapstring? break_on_hyphens?",
        texts::word_wrap,
    ),
    entry("xmlattr", "autospace?", texts::xml_attributes),
];
