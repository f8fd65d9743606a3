//! Jinja: the language of templates, as Python's Jinja2 reads and executes it in cloud-init's setting.
//!
//! ```text
//! text ─lexer─► tokens ─parser─► syntax ─run, eval─► text
//! ```
//!
//! Values are Python's, so that a template can use them as it would there: methods of text, lists and maps, lists that grow,
//! `'%02d' % n`, whole and fractional numbers, what `str()` and `repr()` print. In cloud-init's setting the line break behind a
//! block is dropped (`trim_blocks`), `do` is a statement, and a variable that is not there is printed as its name behind a mark.
//! As in a sandbox, there are no attributes that start with `_`; there are no other templates either, and no automatic escaping.
//!
//! Nothing is unbounded: [`Engine::steps`] counts expressions, elements and 64 bytes of text each; expressions, calls and
//! values have a depth; no text is longer than a rendered template may be. What a template keeps in lists is bounded only by
//! its steps, so memory needs a limit from outside.

use alloc::string::String;
use alloc::vec::Vec;

use crate::userdata::template::{Broken, Rendered};
use crate::value::Value;

pub use look::look;

mod advice;
mod args;
mod dict;
mod eval;
mod filters;
mod formats;
mod functions;
mod iter;
mod lexer;
mod look;
mod methods;
mod number;
mod order;
mod parser;
mod predicates;
mod printf;
mod run;
mod show;
mod syntax;
mod table;
mod value;

/// What a template is rendered with, beside its variables.
pub struct Engine {
    /// Most steps that a template may take.
    pub steps: u64,
    /// Where random numbers start.
    pub seed: u64,
    /// One number to the power of another, which core has no function for.
    pub power: fn(f64, f64) -> f64,
}

impl Engine {
    /// Renders a template. `variables` is a map; any other value has no variables.
    ///
    /// # Errors
    /// The template cannot be understood, or goes wrong at work, or would take more than its bounds.
    pub fn render(&self, template: &str, variables: &Value) -> Result<Rendered, Broken> {
        let template = template.replace("\r\n", "\n").replace('\r', "\n");
        // cloud-init drops the last line break and adds one.
        let (body, end) = match template.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (&*template, ""),
        };
        let body = parser::parse(&lexer::tokens(body)?)?;
        let mut run = run::Run::new(self, variables);
        let done = run.body(&body);
        let line = Some(run.line as usize);
        done.map_err(|fault| Broken {
            line,
            reason: fault.reason,
        })?;
        let text: String = run.text() + end;
        let absent: Vec<_> = core::mem::take(&mut run.absent);
        Ok(Rendered { text, absent })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;
    use crate::json;
    use crate::variables::{Names, variables};

    const ENGINE: Engine = Engine {
        steps: 1_000_000,
        seed: 1,
        power: |_, _| f64::NAN,
    };

    const DATA: &str = r#"{
        "v1": {"cloud-name": "aws", "region": "eu", "local_hostname": "h.example.com", "n": 3, "no": null, "yes": true, "f": 1.0,
            "public_ssh_keys": ["k1", "k2"]},
        "ds": {"meta_data": {"tags": {"Name": "web", "a.b": "it's"}, "mac": "0A:1b", "x": [{"y": 1}, {}]}}
    }"#;

    fn text(template: &str) -> String {
        let data = json::read(DATA.as_bytes()).unwrap();
        let data = variables(data.as_map().unwrap(), Names::Aliased).into();
        match ENGINE.render(template, &data) {
            Ok(rendered) => rendered.text,
            Err(Broken { line, reason }) => format!("{line:?}: {reason}"),
        }
    }

    /// The right side is what Jinja2 3.1 makes of the left, set up as cloud-init does.
    #[test]
    fn templates_are_rendered_as_jinja2_renders_them() {
        for (template, expected) in [
            (
                "{{ v1.cloud_name }} {{ cloud_name }} {{ v1['cloud-name'] }}\n",
                "aws aws aws\n",
            ),
            (
                "{% if region == 'eu' %}\nyes\n{% else %}\nno\n{% endif %}\n",
                "yes\n\n",
            ),
            (
                "{% for k in public_ssh_keys -%}\n - {{ loop.index }} {{ k }}\n{% endfor %}x",
                "- 1 k1\n- 2 k2\nx",
            ),
            (
                "{% for k, v in ds.meta_data.tags.items() %}{{ k }}={{ v }};{% endfor %}",
                "Name=web;a.b=it's;a_b=it's;",
            ),
            (
                "{% for k in ds.meta_data.tags %}{{ k }} {% endfor %}",
                "Name a.b a_b ",
            ),
            (
                "{{ n + 1 }} {{ n / 2 }} {{ n // 2 }} {{ f }} {{ yes }} {{ no }} {{ n ~ '' }}",
                "4 1.5 1 1.0 True None 3",
            ),
            (
                "{{ public_ssh_keys }} {{ ds.meta_data.tags }}",
                "['k1', 'k2'] {'Name': 'web', 'a.b': \"it's\", 'a_b': \"it's\"}",
            ),
            (
                "{{ local_hostname.split('.')[0] }} {{ local_hostname.split('.', 1)[1] }}",
                "h example.com",
            ),
            (
                "{{ ds.meta_data.mac | lower | replace(':', '-') }}",
                "0a-1b",
            ),
            (
                "{{ nope | default('d') }} {{ ds.nope | d('e') }} {{ '' | default('f', true) }} {{ no | default('g') }}",
                "d e f None",
            ),
            (
                "{% if nope is defined or nope %}a{% endif %}{% if v1 is defined and 'n' in v1 and 'q' not in v1 %}b{% endif %}",
                "b",
            ),
            (
                "{{ public_ssh_keys | join(',') }} {{ public_ssh_keys | length }} {{ public_ssh_keys | first }} {{ ds.meta_data.tags | length }}",
                "k1,k2 2 k1 3",
            ),
            (
                "{{ ds.meta_data.tags | tojson }} {{ no | tojson }} {{ '<&>' | tojson }} {{ [1, 'é'] | tojson }}",
                r#"{"Name": "web", "a.b": "it\u0027s", "a_b": "it\u0027s"} null "\u003c\u0026\u003e" [1, "\u00e9"]"#,
            ),
            (
                "{% set x = namespace(n=0) %}{% for i in range(3) %}{% set x.n = x.n + i %}{% endfor %}{{ x.n }}",
                "3",
            ),
            (
                "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, b=3) }}",
                "12 13",
            ),
            ("{# c #}{% raw %}{{ x }}{% endraw %}{{ '%s' }}", "{{ x }}%s"),
            (
                "{{ v1.get('n') }} {{ v1.get('q', 'd') }} {{ 'ab'.upper() }} {{ ' x '.strip() }} {{ 'a-b'.replace('-', '_') }} {{ 'ab'.startswith('a') }}",
                "3 d AB x a_b True",
            ),
            ("a\r\nb\r\n", "a\nb\n"),
            (
                "{{ 'x' if n == 3 else 'y' }}{{ 'x' if n == 4 }}{{ [] | first }}",
                "xCI_MISSING_JINJA_VAR/None",
            ),
            (
                "{{ n in [1, 3] }} {{ not n }} {{ {'a': none} }}",
                "True False {'a': None}",
            ),
            (
                "{{ v1 is mapping }} {{ public_ssh_keys is sequence }} {{ n is number }} {{ region is string }}",
                "True True True True",
            ),
        ] {
            assert_eq!(text(template), expected, "{template}");
        }
    }

    #[test]
    fn a_missing_variable_is_its_name() {
        for (template, expected) in [
            ("{{ nope }}", "CI_MISSING_JINJA_VAR/nope"),
            ("{{ ds.nope }}", "CI_MISSING_JINJA_VAR/nope"),
            ("{{ ds['no-pe'] }}", "CI_MISSING_JINJA_VAR/no-pe"),
            ("{{ public_ssh_keys[7] }}", "CI_MISSING_JINJA_VAR/7"),
            (
                "{% for x in ds.meta_data.x %}{{ x.y }}{% endfor %}",
                "1CI_MISSING_JINJA_VAR/y",
            ),
            (
                "{{ nope ~ 'x' }}{% for x in nope %}y{% endfor %}",
                "CI_MISSING_JINJA_VAR/nopex",
            ),
        ] {
            assert_eq!(text(template), expected, "{template}");
        }
        for template in [
            "{{ nope.x }}",
            "{{ a-b }}",
            "{{ nope() }}",
            "{{ nope + 1 }}",
            "{{ nope.x() }}",
            "{{ ds.nope['x'] }}",
        ] {
            let text = text(template);
            assert!(text.starts_with("Some(1): "), "{template}: {text}");
        }
    }

    #[test]
    fn an_error_names_its_line() {
        for (template, line) in [
            ("a\n{% if %}\n", 2),
            ("a\n\n{{ x", 3),
            ("{% for %}", 1),
            ("\n{{ 1 | nofilter }}", 2),
            ("{{ 1 / 0 }}", 1),
        ] {
            let text = text(template);
            assert!(
                text.starts_with(&format!("Some({line}): ")),
                "{template}: {text}"
            );
        }
    }

    #[test]
    fn nothing_is_unbounded() {
        for (template, reason) in [
            (
                "{% for a in range(9999999) %}{% endfor %}",
                "more than 1000000 steps",
            ),
            ("{{ 'x' * 10 ** 12 }}", "a text of more than 16777216 bytes"),
            ("{{ [0] * 10 ** 7 }}", "more than 1000000 steps"),
            (
                "{{ '%99999999d' % 1 }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{{ '{:99999999}'.format(1) }}",
                "a text of more than 16777216 bytes",
            ),
            ("{{ '%.9999f' % 1 }}", "more than 1000 digits"),
            (
                "{{ 'x'.center(99999999) }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{{ 'a' | indent(99999999) }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{{ ('a' * 9999).replace('a', 'b' * 9999) }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{{ ('a' * 9999) | replace('', 'b' * 9999) }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{{ ('b' * 9999).join('a' * 9999) }}",
                "a text of more than 16777216 bytes",
            ),
            (
                "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
                "more than 200 levels of calls and blocks",
            ),
            ("{{ 2 ** 127 }}", "a number of more than 127 bits"),
        ] {
            assert_eq!(text(template), format!("Some(1): {reason}"), "{template}");
        }
    }

    #[test]
    fn what_is_deep_is_refused_and_dropped() {
        let deep = [
            ("[".repeat(9999), "]".repeat(9999)),
            ("1".to_string() + &"+1".repeat(9999), String::new()),
            ("x".to_string() + &"|string".repeat(9999), String::new()),
            ("not ".repeat(9999), "1".to_string()),
            ("x".to_string() + &".y".repeat(9999), String::new()),
        ];
        for (start, end) in deep {
            let text = text(&format!("{{{{ {start}{end} }}}}"));
            assert!(text.starts_with("Some(1): "), "{text}");
        }
        let blocks = "{% if 1 %}".repeat(9999) + &"{% endif %}".repeat(9999);
        assert!(text(&blocks).contains("levels of nesting"));
        for grow in [
            "[ns.x]",
            "{'x': ns.x}",
            "ns.x.append",
            "(ns.x,)",
            "cycler(ns.x)",
            "{1: ns.x}.items()",
        ] {
            let template = format!(
                "{{% set ns = namespace(x=[]) %}}{{% for i in range(9999) %}}{{% set ns.x = {grow} %}}{{% endfor %}}x"
            );
            let text = text(&template);
            assert!(
                text == "x" || text.contains("which is not there"),
                "{grow}: {text}"
            );
        }
        let filters = "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = ns.x | map('string') %}{% endfor %}";
        assert!(text(filters).ends_with("too many filters on one list"));
    }

    /// What a template may do to a list while it goes through it.
    #[test]
    fn lists_may_change_at_any_time() {
        for (template, expected) in [
            (
                "{% set x = [1] %}{% for i in x %}{% if i < 4 %}{% do x.append(i + 1) %}{% endif %}{{ i }}{% endfor %}",
                "1234",
            ),
            (
                "{% set x = [1, 2, 3] %}{% for i in x %}{% do x.clear() %}{{ i }}{% endfor %}",
                "1",
            ),
            (
                "{% set x = [1, 2] %}{% do x.extend(x) %}{{ x }}",
                "[1, 2, 1, 2]",
            ),
            (
                "{% set x = [2, 1] %}{% do x.append(x) %}{{ x }}{{ x == x }}",
                "[2, 1, [...]]True",
            ),
            (
                "{% set x = {} %}{% do x.update(a=x) %}{{ x }}{{ x.values() }}",
                "{'a': {...}}dict_values([{'a': {...}}])",
            ),
            (
                "{% set g = [1, 2] | map('string') %}{{ g | first }}{{ g | list }}{{ g | list }}",
                "1['2'][]",
            ),
            (
                "{% set x = {1: 2} %}{% for k in x %}{% do x.update({2: 3}) %}{% endfor %}",
                "Some(1): a dict that changes while a loop goes through it",
            ),
        ] {
            assert_eq!(text(template), expected, "{template}");
        }
    }

    #[test]
    fn the_lines_of_a_template_end_in_any_way() {
        assert_eq!(text("a\r\nb\rc\n\n"), "a\nb\nc\n\n");
        assert_eq!(text(""), "");
    }
}
