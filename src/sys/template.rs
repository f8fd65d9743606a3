//! Template: Jinja by minijinja, in a child process that cannot take more than its share.
//!
//! The engine is set up as the original sets up Jinja2: the line break behind a block is dropped (`trim_blocks`), the last
//! one of the template stays, and a missing variable is rendered as its name behind a mark. A template can double a text
//! over and over, which no count of instructions bounds; so it is rendered by a child with limits of the kernel's.

use cloudseed_core::userdata::template::{Broken, RENDERED_BYTES_MAX, Templates};
use cloudseed_core::value::Value;
use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;

mod child;
mod filters;
mod methods;
mod value;

use value::Root;

/// Most instructions that one template may execute.
pub const INSTRUCTIONS_MAX: u64 = 5_000_000;

/// How deep macros and loops may call each other.
const RECURSION_DEPTH_MAX: usize = 100;

/// Names that the engine defines itself.
const GLOBALS: [&str; 3] = ["range", "dict", "namespace"];

/// The engine.
#[derive(Debug, Default)]
pub struct Jinja;

impl Templates for Jinja {
    fn render(&mut self, template: &str, variables: &Value) -> Result<String, Broken> {
        let answer = child::run(|| match render(template, variables) {
            Ok(text) => [b"T", text.as_bytes()].concat(),
            Err(Broken { line, reason }) => {
                format!("E{}\n{reason}", line.unwrap_or(0)).into_bytes()
            }
        });
        let broken = |reason: String| Broken { line: None, reason };
        let answer = String::from_utf8(answer.map_err(broken)?);
        let answer = answer.map_err(|_| broken("an answer that is not text".to_string()))?;
        if let Some(text) = answer.strip_prefix('T') {
            return Ok(text.to_string());
        }
        let (line, reason) = answer
            .get(1..)
            .and_then(|rest| rest.split_once('\n'))
            .unwrap_or_default();
        Err(Broken {
            line: line.parse().ok().filter(|line| *line > 0),
            reason: reason.to_string(),
        })
    }
}

/// Renders in this process, bounded only by the number of instructions.
fn render(template: &str, variables: &Value) -> Result<String, Broken> {
    let template = template.replace("\r\n", "\n").replace('\r', "\n");
    let end = if template.ends_with('\n') { "\n" } else { "" };
    let broken = |error: minijinja::Error| Broken {
        line: error.line(),
        reason: error
            .detail()
            .map_or_else(|| error.kind().to_string(), str::to_string),
    };
    let engine = engine().map_err(broken)?;
    let root = minijinja::Value::from_object(Root::new(variables));
    let text = engine.render_str(&template, root).map_err(broken)? + end;
    match text.len() <= RENDERED_BYTES_MAX {
        true => Ok(text),
        false => Err(Broken {
            line: None,
            reason: format!(
                "a text of {} bytes; {RENDERED_BYTES_MAX} are allowed",
                text.len()
            ),
        }),
    }
}

fn engine() -> Result<Environment<'static>, minijinja::Error> {
    let mut engine = Environment::new();
    engine.set_fuel(Some(INSTRUCTIONS_MAX));
    engine.set_recursion_limit(RECURSION_DEPTH_MAX);
    engine.set_syntax(SyntaxConfig::builder().trim_blocks(true).build()?);
    engine.set_formatter(|out, _, value| Ok(value::print(out, value)?));
    engine.set_unknown_method_callback(|_, value, name, arguments| {
        methods::call(value, name, arguments)
    });
    filters::add(&mut engine);
    Ok(engine)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use cloudseed_core::json;
    use cloudseed_core::userdata::template::variables;

    use super::*;

    const DATA: &str = r#"{
        "v1": {"cloud-name": "aws", "region": "eu", "local_hostname": "h.example.com", "n": 3, "no": null, "yes": true, "f": 1.0,
            "public_ssh_keys": ["k1", "k2"]},
        "ds": {"meta_data": {"tags": {"Name": "web", "a.b": "it's"}, "mac": "0A:1b", "x": [{"y": 1}, {}]}}
    }"#;

    fn text(template: &str) -> String {
        let data = variables(&json::read(DATA.as_bytes()).unwrap());
        match Jinja.render(template, &data) {
            Ok(text) => text,
            Err(Broken { line, reason }) => format!("{line:?}: {reason}"),
        }
    }

    /// The right side is what Jinja2 3.1 makes of the left, set up as the original does.
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
    fn no_template_takes_more_than_its_share() {
        let started = Instant::now();
        for template in [
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "{% set n = namespace(x='0123456789') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
            "{{ 'x' * 10000000000 }}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{{ 'x' | indent(100000000000) }}",
        ] {
            let text = text(template);
            assert!(
                text.len() < 200 && text.contains(": "),
                "{template}: {text}"
            );
        }
        let brackets = format!("{{{{ {}1{} }}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(text(&brackets).starts_with("Some(1): "));
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
