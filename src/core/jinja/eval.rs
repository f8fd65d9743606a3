//! A template at work: its expressions.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::advice;
use super::args::Args;
use super::dict::Dict;
use super::filters;
use super::methods;
use super::number;
use super::order::{check_key, compare, contains, equal};
use super::predicates;
use super::run::{Run, absent_as};
use super::show;
use super::syntax::{Arguments, Binary, Comparison, Expr, Named, Node};
use super::table;
use super::value::{Answer, Fault, Missing, Object, Value, fault};

impl Run<'_> {
    /// The value of an expression.
    pub fn eval(&mut self, node: &Node) -> Answer {
        self.spend(1)?;
        self.line = node.line;
        self.deeper(|run| run.expr(node))
    }

    fn expr(&mut self, node: &Node) -> Answer {
        match &node.expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Name(name) => Ok(self.lookup(name)),
            Expr::List(nodes) => Ok(Value::list(self.all(nodes)?)),
            Expr::Tuple(nodes) => Ok(Value::tuple(self.all(nodes)?)),
            Expr::Dict(pairs) => self.dict(pairs),
            Expr::Attribute(of, name) => self.attribute_node(node, of, name),
            Expr::Item(of, key) => self.item_node(node, of, key),
            Expr::Slice(bounds) => self.slice_node(bounds),
            Expr::Not(node) => Ok(Value::Bool(!self.eval(node)?.is_true())),
            Expr::Sign(minus, node) => {
                let value = self.eval(node)?;
                number::signed(*minus, &value)
            }
            Expr::Binary(sides) => {
                let answer = self.binary(&sides.0, sides.1, &sides.2);
                answer.map_err(|fault| self.explained(fault, node))
            }
            Expr::And(sides) => match self.eval(&sides.0)? {
                left if left.is_true() => self.eval(&sides.1),
                left => Ok(left),
            },
            Expr::Or(sides) => match self.eval(&sides.0)? {
                left if left.is_true() => Ok(left),
                _ => self.eval(&sides.1),
            },
            Expr::Compare(first, others) => self.comparisons(first, others),
            Expr::Concat(nodes) => self.concatenated(nodes),
            Expr::If(parts) => self.if_node(parts),
            Expr::Call(call) => {
                let function = self.eval(&call.function)?;
                let args = self.arguments(&call.arguments)?;
                self.call(&function, args)
            }
            Expr::Filter(named) => self.filter_node(named),
            Expr::Test(named) => self.test_node(named),
        }
    }

    fn attribute_node(&mut self, node: &Node, of: &Node, name: &Rc<str>) -> Answer {
        let value = self.eval(of)?;
        match self.attribute(&value, name)? {
            Some(found) => Ok(found),
            None => Ok(not_there(node, value, Value::Text(name.clone()))),
        }
    }

    fn item_node(&mut self, node: &Node, of: &Node, key: &Node) -> Answer {
        let (value, key) = (self.eval(of)?, self.eval(key)?);
        match self.item_or_method(&value, &key)? {
            Some(found) => Ok(found),
            None if matches!(key, Value::Slice(_)) => {
                fault(format!("a slice of {}", value.a_kind()))
            }
            None => Ok(not_there(node, value, key)),
        }
    }

    fn slice_node(&mut self, bounds: &[Option<Node>; 3]) -> Answer {
        let mut values = [Value::None, Value::None, Value::None];
        for (value, bound) in values.iter_mut().zip(bounds) {
            if let Some(bound) = bound {
                *value = self.eval(bound)?;
            }
        }
        Ok(Value::Slice(Rc::new(values)))
    }

    fn concatenated(&mut self, nodes: &[Node]) -> Answer {
        let mut text = String::new();
        for node in nodes {
            let value = self.eval(node)?;
            show::write(&mut text, &value)?;
        }
        self.spend(text.len() / 64)?;
        Ok(Value::Text(text.into()))
    }

    fn if_node(&mut self, (value, condition, otherwise): &(Node, Node, Option<Node>)) -> Answer {
        match (self.eval(condition)?.is_true(), otherwise) {
            (true, _) => self.eval(value),
            (false, Some(otherwise)) => self.eval(otherwise),
            (false, None) => Ok(absent_as(Value::None, true)),
        }
    }

    fn all(&mut self, nodes: &[Node]) -> Answer<Vec<Value>> {
        nodes.iter().map(|node| self.eval(node)).collect()
    }

    fn dict(&mut self, pairs: &[(Node, Node)]) -> Answer {
        let dict = Dict::default();
        for (key, value) in pairs {
            let (key, value) = (self.eval(key)?, self.eval(value)?);
            check_key(&key)?;
            dict.insert(key, value);
        }
        Ok(Value::Dict(Rc::new(dict)))
    }

    fn comparisons(&mut self, first: &Node, others: &[(Comparison, Node)]) -> Answer {
        let mut left = self.eval(first)?;
        for (comparison, node) in others {
            let right = self.eval(node)?;
            if !self.compares(&left, *comparison, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    /// Is a comparison true?
    pub fn compares(
        &mut self,
        left: &Value,
        comparison: Comparison,
        right: &Value,
    ) -> Answer<bool> {
        let mut ordered = |sign, holds: fn(Ordering) -> bool| {
            self.spend(1)?;
            Ok(compare(left, right, sign)?.is_some_and(holds))
        };
        match comparison {
            Comparison::Equal => equal(left, right),
            Comparison::Unequal => Ok(!equal(left, right)?),
            Comparison::Less => ordered("<", Ordering::is_lt),
            Comparison::LessOrEqual => ordered("<=", Ordering::is_le),
            Comparison::Greater => ordered(">", Ordering::is_gt),
            Comparison::GreaterOrEqual => ordered(">=", Ordering::is_ge),
            Comparison::In => contains(self, right, left),
            Comparison::NotIn => Ok(!contains(self, right, left)?),
        }
    }

    fn binary(&mut self, left: &Node, operator: Binary, right: &Node) -> Answer {
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        number::binary(self, &left, operator, &right)
    }

    /// Says more of a `-` that was meant as a part of a name, if the whole of the names says more.
    fn explained(&self, fault: Box<Fault>, node: &Node) -> Box<Fault> {
        let words = match &node.expr {
            Expr::Binary(sides) if fault.is_absent && matches!(sides.1, Binary::Sub) => {
                advice::hyphen(node, &self.variables)
            }
            _ => None,
        };
        match words {
            Some(reason) => Box::new(Fault { reason, ..*fault }),
            None => fault,
        }
    }

    // Attributes

    /// What stands behind a dot: a method or, failing that, an entry.
    pub fn attribute(&mut self, value: &Value, name: &Rc<str>) -> Answer<Option<Value>> {
        match self.own_attribute(value, name)? {
            Some(found) => Ok(Some(found)),
            None => self.item(value, &Value::Text(name.clone())),
        }
    }

    /// What stands in brackets: an element or entry or, failing that, a method.
    pub fn item_or_method(&mut self, value: &Value, key: &Value) -> Answer<Option<Value>> {
        match (self.item(value, key)?, key.as_text()) {
            (None, Some(name)) => self.own_attribute(value, name),
            (found, _) => Ok(found),
        }
    }

    /// What a value has by its type.
    pub fn own_attribute(&mut self, value: &Value, name: &str) -> Answer<Option<Value>> {
        if let Value::Missing(missing) = value {
            return fault(format!("`.{name}` of {}", advice::absent(missing)));
        }
        if let Some(entry) = table::find(methods::of(value), name) {
            return Ok(Some(Value::object(Object::Method(value.clone(), entry))));
        }
        Ok(match value {
            Value::Namespace(dict) => dict.get_text(name),
            Value::Tuple(seq) if seq.is_group => match name {
                "grouper" => seq.at(0),
                "list" => seq.at(1),
                _ => None,
            },
            Value::Range(range) => match name {
                "start" => Some(Value::Int(range.start)),
                "stop" => Some(Value::Int(range.stop)),
                "step" => Some(Value::Int(range.step)),
                _ => None,
            },
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => number::attribute(value, name),
            Value::Object(object) => return self.object_attribute(object, name),
            _ => None,
        })
    }

    fn object_attribute(&mut self, object: &Object, name: &str) -> Answer<Option<Value>> {
        Ok(match (object, name) {
            (Object::Loop(state), _) => return self.loop_attribute(state, name),
            (Object::Macro(node, _), "name") => Some(Value::Text(node.name.clone())),
            (Object::Macro(node, _), "arguments") => {
                let names = node.parameters.iter().cloned();
                Some(Value::tuple(names.map(Value::Text).collect()))
            }
            (Object::Macro(node, _), _) => {
                let extras = ["catch_varargs", "catch_kwargs", "caller"];
                let place = extras.iter().position(|extra| *extra == name);
                let taken = place.and_then(|place| node.takes.get(place));
                taken.map(|taken| Value::Bool(*taken))
            }
            (Object::Cycler(values, place), "current") => values.get(place.get()).cloned(),
            (Object::Cycler(values, _), "items") => Some(Value::tuple(values.clone())),
            (Object::Cycler(_, place), "pos") => Some(Value::Int(place.get() as i128)),
            (Object::Joiner(separator, _), "sep") => Some(separator.clone()),
            (Object::Joiner(_, used), "used") => Some(Value::Bool(used.get())),
            _ => None,
        })
    }

    // Calls

    fn arguments(&mut self, arguments: &Arguments) -> Answer<Args> {
        let mut args = Args::of(self.all(&arguments.given)?);
        for (name, node) in &arguments.named {
            let value = self.eval(node)?;
            if args.named.iter().any(|(other, _)| other == name) {
                return fault(format!("an argument {name} twice"));
            }
            args.named.push((name.clone(), value));
        }
        if let Some(node) = &arguments.more {
            let value = self.eval(node)?;
            args.given.extend(self.list(&value)?);
        }
        if let Some(node) = &arguments.more_named {
            let value = self.eval(node)?;
            let Value::Dict(dict) = &value else {
                return fault(format!("{} behind `**`", value.a_kind()));
            };
            for (key, value) in dict.pairs() {
                match key.as_text() {
                    Some(name) if !args.named.iter().any(|(other, _)| other == name) => {
                        args.named.push((name.clone(), value));
                    }
                    _ => return fault("names behind `**` that are none, or there already"),
                }
            }
        }
        Ok(args)
    }

    /// Calls a value.
    pub fn call(&mut self, function: &Value, mut args: Args) -> Answer {
        let object = match function {
            Value::Object(object) => object,
            Value::Missing(missing) => {
                return fault(format!("a call of {}", advice::absent(missing)));
            }
            other => return fault(format!("a call of {}", other.a_kind())),
        };
        self.spend(1)?;
        match &**object {
            Object::Function(entry) => table::call(self, entry, &Value::None, args),
            Object::Method(value, entry) => table::call(self, entry, value, args),
            Object::Macro(node, scope) => self.call_macro(node, scope, args),
            Object::Loop(state) => match (args.given.pop(), args.given.len()) {
                (Some(source), 0) => self.call_loop(state, source),
                _ => fault("`loop` called with something else than one list"),
            },
            Object::Joiner(separator, used) => Ok(if used.replace(true) {
                separator.clone()
            } else {
                Value::text("")
            }),
            Object::Cycler(..) => fault("a call of a cycler, which has `next()`"),
        }
    }

    /// The call of a `call` block.
    pub fn call_with(&mut self, node: &Node, caller: Value) -> Answer {
        let Expr::Call(call) = &node.expr else {
            return fault("`call` without a call");
        };
        self.line = node.line;
        let function = self.eval(&call.function)?;
        let mut args = self.arguments(&call.arguments)?;
        args.named.push(("caller".into(), caller));
        self.call(&function, args)
    }

    fn filter_node(&mut self, named: &Named) -> Answer {
        let value = match &named.value {
            Some(node) => self.eval(node)?,
            None => core::mem::replace(&mut self.block, Value::None),
        };
        let args = self.arguments(&named.arguments)?;
        self.filter(&named.name, &value, args)
    }

    /// A value behind a filter.
    pub fn filter(&mut self, name: &str, value: &Value, args: Args) -> Answer {
        match filters::find(name) {
            Some(entry) => table::call(self, entry, value, args),
            None => fault(format!("`{name}`, which is no filter")),
        }
    }

    fn test_node(&mut self, named: &Named) -> Answer {
        let value = match &named.value {
            Some(node) => self.eval(node)?,
            None => Value::None,
        };
        let args = self.arguments(&named.arguments)?;
        Ok(Value::Bool(self.test(&named.name, &value, args)?))
    }

    /// Does a test hold for a value?
    pub fn test(&mut self, name: &str, value: &Value, args: Args) -> Answer<bool> {
        match predicates::find(name) {
            Some(entry) => Ok(table::call(self, entry, value, args)?.is_true()),
            None => fault(format!("`{name}`, which is no test")),
        }
    }
}

/// What was looked for in a value, and is not there.
fn not_there(node: &Node, parent: Value, name: Value) -> Value {
    Value::Missing(Rc::new(Missing {
        path: advice::path(node).unwrap_or_default(),
        name,
        parent,
        is_silent: false,
    }))
}
