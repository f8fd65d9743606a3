//! A look at a template that nobody renders: what a boot would say of it on whatever machine.
//!
//! That is what cannot be parsed, filters and tests that there are not, a hyphen that is a minus, and variables that no
//! machine has. What a template asks for with `is defined`, `default` or in a condition it may do without; what is below
//! `ds` differs from cloud to cloud.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::dict::Dict;
use super::functions::FUNCTIONS;
use super::syntax::{Arguments, Binary, EXTRAS, Expr, Node, Statement, Target};
use super::value::{Missing, Value};
use super::{advice, filters, lexer, methods, parser, predicates, table};
use crate::userdata::Flaw;

/// Most doubts about one template.
const DOUBTS_MAX: usize = 16;
/// The variable whose keys differ from cloud to cloud.
const ANYTHING: &str = "ds";
/// Filters for what may not be there.
const DEFAULTS: [&str; 2] = ["default", "d"];

/// What there is to say of a template. `known` is a map of the variables that every machine has, with all of their keys.
pub fn look(template: &str, known: &crate::value::Value) -> Vec<Flaw> {
    let template = template.replace("\r\n", "\n").replace('\r', "\n");
    let parsed = lexer::tokens(&template).and_then(|tokens| parser::parse(&tokens));
    let body = match parsed {
        Ok(body) => body,
        Err(broken) => {
            let line = broken.line.unwrap_or_default() as u32;
            return Vec::from([unfit(&broken.reason, line)]);
        }
    };
    let variables = match super::value::from_data(known) {
        Value::Dict(variables) => variables,
        _ => Rc::default(),
    };
    let mut look = Look {
        variables,
        given: EXTRAS.iter().copied().map(Rc::from).collect(),
        asked: BTreeSet::new(),
        doubts: Vec::new(),
    };
    look.given.extend(["loop".into(), "self".into()]);
    look.collect(&body);
    look.body(&body);
    let mut doubts: Vec<Flaw> = Vec::new();
    for doubt in look.doubts {
        if doubts.len() < DOUBTS_MAX && !doubts.contains(&doubt) {
            doubts.push(doubt);
        }
    }
    doubts
}

fn unfit(reason: &str, line: u32) -> Flaw {
    // The first line of the part is the header.
    let found = format!("{reason} in line {}", line + 1);
    Flaw::new("a template that can be rendered", found)
}

struct Look {
    variables: Rc<Dict>,
    /// Names that the template itself gives something.
    given: BTreeSet<Rc<str>>,
    /// Paths of which it asks whether they are there.
    asked: BTreeSet<String>,
    doubts: Vec<Flaw>,
}

impl Look {
    /// Notes what is given and what is asked for, anywhere.
    fn collect(&mut self, body: &[Statement]) {
        for statement in body {
            for target in targets(statement) {
                self.give(target);
            }
            if let Statement::Macro(of) | Statement::CallBlock(_, of) = statement {
                self.given.insert(of.name.clone());
                self.given.extend(of.parameters.iter().cloned());
            }
            for (node, is_asked) in expressions(statement) {
                self.ask(node, is_asked);
            }
            for body in bodies(statement) {
                self.collect(body);
            }
        }
    }

    fn give(&mut self, target: &Target) {
        match target {
            Target::Name(name) | Target::Attribute(name, _) => {
                self.given.insert(name.clone());
            }
            Target::Tuple(targets) => targets.iter().for_each(|target| self.give(target)),
        }
    }

    fn ask(&mut self, node: &Node, is_asked: bool) {
        self.asked.extend(advice::path(node).filter(|_| is_asked));
        for (inside, is_asked) in parts(node) {
            self.ask(inside, is_asked);
        }
    }

    fn body(&mut self, body: &[Statement]) {
        for statement in body {
            if let Statement::Refused(word, line) = statement {
                let reason = format!("`{word}`, for which there is no other template");
                self.doubts.push(unfit(&reason, *line));
            }
            for (node, is_asked) in expressions(statement) {
                self.node(node, is_asked);
            }
            for body in bodies(statement) {
                self.body(body);
            }
        }
    }

    fn node(&mut self, node: &Node, is_asked: bool) {
        let lacks = match &node.expr {
            Expr::Filter(named) if filters::find(&named.name).is_none() => Some("filter"),
            Expr::Test(named) if predicates::find(&named.name).is_none() => Some("test"),
            _ => None,
        };
        if let (Some(kind), Expr::Filter(named) | Expr::Test(named)) = (lacks, &node.expr) {
            let reason = format!("`{}`, which is no {kind}", named.name);
            self.doubts.push(unfit(&reason, node.line));
        }
        if let Expr::Binary(sides) = &node.expr
            && matches!(sides.1, Binary::Sub)
            && root(&sides.2).is_some_and(|name| !self.is_variable(name))
            && let Some(words) = advice::hyphen(node, &self.variables)
        {
            return self.doubts.push(unfit(&words, node.line));
        }
        if !is_asked && let Some(missing) = self.missing(node) {
            let found = format!("{} in line {}", advice::absent(&missing), node.line + 1);
            self.doubts.push(Flaw::new("variables that exist", found));
        }
        for (inside, is_asked) in parts(node) {
            self.node(inside, is_asked);
        }
    }

    fn is_variable(&self, name: &str) -> bool {
        self.given.contains(name)
            || self.variables.get_text(name).is_some()
            || table::find(&FUNCTIONS, name).is_some()
    }

    /// What is at the end of a path, if all before it is there and it is not.
    fn missing(&self, node: &Node) -> Option<Missing> {
        let path = advice::path(node).filter(|path| !self.asked.contains(path))?;
        let (parent, name) = match &node.expr {
            Expr::Name(name) if self.is_variable(name) => return None,
            Expr::Name(name) => (Value::Dict(self.variables.clone()), name.clone()),
            Expr::Attribute(of, name) => (self.known(of)?, name.clone()),
            Expr::Item(of, key) => match &key.expr {
                Expr::Const(Value::Text(key)) => (self.known(of)?, Rc::from(&**key)),
                _ => return None,
            },
            _ => return None,
        };
        let Value::Dict(dict) = &parent else {
            return None;
        };
        let mut methods = methods::of(&parent).iter();
        let is_there = dict.get_text(&name).is_some() || methods.any(|entry| *entry.name == *name);
        (!is_there).then(|| Missing {
            path,
            name: Value::text(&name),
            parent,
            is_silent: false,
        })
    }

    /// The value of a path, if every machine has the same keys in it.
    fn known(&self, node: &Node) -> Option<Value> {
        match &node.expr {
            Expr::Name(name) if **name == *ANYTHING || self.given.contains(name) => None,
            Expr::Name(name) => self.variables.get_text(name),
            Expr::Attribute(of, name) => match self.known(of)? {
                Value::Dict(dict) => dict.get_text(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The name that an expression begins with.
fn root(node: &Node) -> Option<&Rc<str>> {
    match &node.expr {
        Expr::Name(name) => Some(name),
        Expr::Attribute(of, _) | Expr::Item(of, _) => root(of),
        Expr::Filter(named) | Expr::Test(named) => root(named.value.as_ref()?),
        Expr::Call(call) => root(&call.function),
        _ => None,
    }
}

/// What a statement gives something to.
fn targets(statement: &Statement) -> Vec<&Target> {
    match statement {
        Statement::Set(target, _) | Statement::SetBlock(target, _, _) => Vec::from([target]),
        Statement::With(pairs, _) => pairs.iter().map(|(target, _)| target).collect(),
        Statement::For(of) => Vec::from([&of.target]),
        _ => Vec::new(),
    }
}

/// The expressions of a statement, and of each whether it may have no value.
fn expressions(statement: &Statement) -> Vec<(&Node, bool)> {
    match statement {
        Statement::Print(node)
        | Statement::FilterBlock(node, _)
        | Statement::Do(node)
        | Statement::CallBlock(node, _) => Vec::from([(node, false)]),
        Statement::Set(_, node) => Vec::from([(node, true)]),
        Statement::SetBlock(_, filter, _) => filter.iter().map(|node| (node, false)).collect(),
        Statement::If(branches, _) => branches.iter().map(|(node, _)| (node, true)).collect(),
        Statement::With(pairs, _) => pairs.iter().map(|(_, node)| (node, true)).collect(),
        Statement::For(of) => {
            let condition = of.condition.iter().map(|node| (node, true));
            condition.chain([(&of.iter, true)]).collect()
        }
        Statement::Macro(of) => of.defaults.iter().map(|node| (node, true)).collect(),
        Statement::Data(_) | Statement::Block(_) | Statement::Refused(..) => Vec::new(),
    }
}

/// The statements inside of one.
fn bodies(statement: &Statement) -> Vec<&[Statement]> {
    match statement {
        Statement::If(branches, otherwise) => {
            let branches = branches.iter().map(|(_, body)| &**body);
            branches.chain([&**otherwise]).collect()
        }
        Statement::For(of) => Vec::from([&*of.body, &*of.otherwise]),
        Statement::Macro(of) | Statement::CallBlock(_, of) => Vec::from([&*of.body]),
        Statement::SetBlock(_, _, body)
        | Statement::With(_, body)
        | Statement::FilterBlock(_, body)
        | Statement::Block(body) => Vec::from([&**body]),
        _ => Vec::new(),
    }
}

/// The expressions inside of one, and of each whether it may have no value.
fn parts(node: &Node) -> Vec<(&Node, bool)> {
    match &node.expr {
        Expr::Const(_) | Expr::Name(_) => Vec::new(),
        Expr::List(nodes) | Expr::Tuple(nodes) | Expr::Concat(nodes) => {
            nodes.iter().map(|node| (node, false)).collect()
        }
        Expr::Dict(pairs) => {
            let pairs = pairs.iter().flat_map(|(key, value)| [key, value]);
            pairs.map(|node| (node, false)).collect()
        }
        Expr::Attribute(of, _) | Expr::Sign(_, of) => Vec::from([(&**of, false)]),
        Expr::Item(of, key) => Vec::from([(&**of, false), (&**key, false)]),
        Expr::Slice(nodes) => nodes.iter().flatten().map(|node| (node, false)).collect(),
        Expr::Not(of) => Vec::from([(&**of, true)]),
        Expr::Binary(sides) => Vec::from([(&sides.0, false), (&sides.2, false)]),
        Expr::And(sides) | Expr::Or(sides) => Vec::from([(&sides.0, true), (&sides.1, true)]),
        Expr::Compare(first, more) => {
            let more = more.iter().map(|(_, node)| (node, true));
            more.chain([(&**first, true)]).collect()
        }
        Expr::If(of) => {
            let otherwise = of.2.iter().map(|node| (node, false));
            otherwise.chain([(&of.0, false), (&of.1, true)]).collect()
        }
        Expr::Call(call) => {
            let arguments = given(&call.arguments);
            arguments.chain([(&call.function, false)]).collect()
        }
        Expr::Filter(named) | Expr::Test(named) => {
            let is_test = matches!(node.expr, Expr::Test(_));
            let is_asked = is_test || DEFAULTS.contains(&&*named.name);
            let value = named.value.iter().map(|value| (value, is_asked));
            value.chain(given(&named.arguments)).collect()
        }
    }
}

fn given(arguments: &Arguments) -> impl Iterator<Item = (&Node, bool)> {
    let named = arguments.named.iter().map(|(_, node)| node);
    let more = arguments.more.iter().chain(&arguments.more_named);
    let all = arguments.given.iter().chain(named).chain(more);
    all.map(|node| (node, false))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::json;

    fn doubts(template: &str) -> Vec<String> {
        let known = r#"{"v1": {"region": "r", "instance_id": "i"}, "region": "r", "instance_id": "i", "ds": {}}"#;
        let known = json::read(known.as_bytes()).unwrap();
        let doubts = look(template, &known).into_iter();
        doubts.map(|flaw| flaw.found).collect()
    }

    #[test]
    fn what_no_machine_could_render_is_seen() {
        for (template, found) in [
            (
                "{% if a %}",
                "instead of `elif` or `else` or `endif` in line 2",
            ),
            (
                "\n{{ region | nope }}",
                "`nope`, which is no filter in line 3",
            ),
            ("{{ region is nope }}", "`nope`, which is no test in line 2"),
            (
                "{% include 'x' %}",
                "`include`, for which there is no other template in line 2",
            ),
            (
                "{{ v1.instance-id }}",
                "is written v1.instance_id or `v1['instance-id']`) in line 2",
            ),
            (
                "{{ ds.meta_data.local-hostname | upper }}",
                "`ds.meta_data.local-hostname`, where - is minus",
            ),
            ("{{ nope }}", "`nope`, which is not there in line 2"),
            (
                "{{ nope.more }}{{ nope }}",
                "`nope`, which is not there in line 2",
            ),
            ("{{ regoin }}", "(there is `region`) in line 2"),
            (
                "{{ v1.instanceid }}",
                "(there is `v1.instance_id`) in line 2",
            ),
            (
                "{{ [nope ~ 'a', 1] }}",
                "`nope`, which is not there in line 2",
            ),
            (
                "{% macro m() %}{{ nope }}{% endmacro %}",
                "`nope`, which is not there",
            ),
        ] {
            let doubts = doubts(template);
            assert_eq!(doubts.len(), 1, "{template}: {doubts:?}");
            assert!(doubts[0].contains(found), "{template}: {doubts:?}");
        }
    }

    #[test]
    fn what_a_machine_may_have_is_no_doubt() {
        for template in [
            "{{ v1.region }}{{ region.upper() }}{{ v1.get('x') }}{{ v1.items() | list }}",
            "{{ ds.meta_data.whatever }}{{ ds.a - ds.b }}{{ ds['a-b'] }}",
            "{% if nope is defined %}{{ nope.a }}{% endif %}{% if v1.x %}{{ v1.x }}{% endif %}",
            "{{ nope | default('a') }}{{ none or 'b' }}{{ other or 'b' }}",
            "{% set a = 1 %}{{ a - 1 }}{% for b, c in ds.x.items() %}{{ b }}{{ loop.index }}{% endfor %}",
            "{% macro m(a, b=2) %}{{ a }}{{ varargs }}{% endmacro %}{{ m(1) }}{{ range(3) }}",
            "{% set n = namespace(x=1) %}{% set n.x = 2 %}{{ n.x }}{% with y = 1 %}{{ y }}{% endwith %}",
            "{% raw %}{{ nope }}{% endraw %}{# {{ nope }} #}{{ true }}{{ None }}",
        ] {
            assert_eq!(doubts(template), [""; 0], "{template}");
        }
    }
}
