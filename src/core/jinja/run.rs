//! A template at work: its statements.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::mem::{replace, take};

use crate::userdata::template::{Absent, RENDERED_BYTES_MAX};

use super::advice;
use super::args::Args;
use super::dict::Dict;
use super::functions::FUNCTIONS;
use super::iter::Iter;
use super::order::place;
use super::show;
use super::syntax::{Body, EXTRAS, For, Macro, Node, Statement, Target};
use super::table;
use super::value::{Answer, Missing, Object, Value, View, drop_all, fault};
use super::{Engine, Value as Variables};

/// How deep expressions, statements and macros may be in each other.
const DEPTH_MAX: usize = 200;

/// Most variables that are not there of which the words are kept.
const ABSENT_MAX: usize = 16;

/// The names of a macro, a loop or the template itself, and where to look for others.
pub struct Scope {
    names: RefCell<Vec<(Rc<str>, Value)>>,
    outer: Option<Rc<Scope>>,
}

impl Scope {
    fn inside(outer: Option<Rc<Scope>>) -> Rc<Scope> {
        Rc::new(Scope {
            names: RefCell::default(),
            outer,
        })
    }

    fn set(&self, name: &Rc<str>, value: Value) {
        let mut names = self.names.borrow_mut();
        match names.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => drop_all([replace(old, value)].into()),
            None => names.push((name.clone(), value)),
        }
    }

    fn get(&self, name: &str) -> Option<Value> {
        let names = self.names.borrow();
        let found = names.iter().find(|(other, _)| **other == *name);
        match found {
            Some((_, value)) => Some(value.clone()),
            None => self.outer.as_ref()?.get(name),
        }
    }
}

/// The variable `loop`.
pub struct Loop {
    state: RefCell<State>,
    /// What a call goes through, in which scope, if the loop may be called.
    again: Option<(Rc<For>, Rc<Scope>)>,
    depth: i128,
}

/// Where a loop is.
struct State {
    source: Value,
    iter: Iter,
    /// How often it has gone round, less one.
    index: i128,
    length: Option<usize>,
    before: Option<Value>,
    current: Option<Value>,
    /// The next value, once it was looked at.
    after: Option<Value>,
    changed: Option<Vec<Value>>,
}

impl Loop {
    fn new(source: Value, iter: Iter, again: Option<(Rc<For>, Rc<Scope>)>, depth: i128) -> Loop {
        let state = State {
            source,
            iter,
            index: -1,
            length: None,
            before: None,
            current: None,
            after: None,
            changed: None,
        };
        Loop {
            state: RefCell::new(state),
            again,
            depth,
        }
    }

    /// The number of the round, from 1.
    pub fn index(&self) -> i128 {
        self.state.try_borrow().map_or(0, |state| state.index + 1)
    }

    /// How many rounds there are, if that is known.
    pub fn len(&self) -> Option<usize> {
        let state = self.state.try_borrow().ok()?;
        state.length.or_else(|| state.source.len())
    }
}

/// A template at work.
pub struct Run<'a> {
    /// What it works with.
    pub engine: &'a Engine,
    /// The variables.
    pub variables: Rc<Dict>,
    /// The line of the expression that was looked at last.
    pub line: u32,
    /// The variables that were not there when they were printed.
    pub absent: Vec<Absent>,
    /// The state of the random numbers.
    pub random: u64,
    steps: u64,
    depth: usize,
    out: String,
    scope: Rc<Scope>,
    root: Rc<Scope>,
    /// The text of a block on its way to its filter.
    pub block: Value,
}

impl<'a> Run<'a> {
    /// Begins with these variables.
    pub fn new(engine: &'a Engine, variables: &Variables) -> Run<'a> {
        let root = Scope::inside(None);
        let variables = match super::value::from_data(variables) {
            Value::Dict(dict) => dict,
            _ => Rc::default(),
        };
        Run {
            engine,
            variables,
            line: 1,
            absent: Vec::new(),
            random: engine.seed,
            steps: engine.steps,
            depth: 0,
            out: String::new(),
            scope: root.clone(),
            root,
            block: Value::None,
        }
    }

    /// The text so far.
    pub fn text(&mut self) -> String {
        take(&mut self.out)
    }

    /// Takes so many steps.
    pub fn spend(&mut self, steps: usize) -> Answer<()> {
        match self.steps.checked_sub(steps as u64) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => fault(format!("more than {} steps", self.engine.steps)),
        }
    }

    /// Fails if so many bytes are more than a text may have.
    pub fn fits(&self, bytes: i128) -> Answer<usize> {
        match usize::try_from(bytes.max(0)) {
            Ok(bytes) if bytes <= RENDERED_BYTES_MAX => Ok(bytes),
            _ => show::too_long(),
        }
    }

    /// Goes a level deeper.
    pub fn deeper<T>(&mut self, work: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        if self.depth >= DEPTH_MAX {
            return fault(format!("more than {DEPTH_MAX} levels of calls and blocks"));
        }
        self.depth += 1;
        let answer = work(self);
        self.depth -= 1;
        answer
    }

    // Names

    /// The value of a variable.
    pub fn lookup(&mut self, name: &Rc<str>) -> Value {
        if let Some(value) = self.scope.get(name) {
            return value;
        }
        let key = Value::Text(name.clone());
        if let Some(value) = self.variables.get(&key) {
            return value;
        }
        match table::find(&FUNCTIONS, name) {
            Some(entry) => Value::object(Object::Function(entry)),
            None => Value::Missing(Rc::new(Missing {
                name: key,
                path: String::from(&**name),
                parent: Value::Dict(self.variables.clone()),
                is_silent: false,
            })),
        }
    }

    /// Works in a scope inside another.
    fn within<T>(
        &mut self,
        outer: &Rc<Scope>,
        work: impl FnOnce(&mut Self) -> Answer<T>,
    ) -> Answer<T> {
        let inner = Scope::inside(Some(outer.clone()));
        let before = replace(&mut self.scope, inner);
        let answer = work(self);
        self.scope = before;
        answer
    }

    /// The text that some work writes.
    fn captured(&mut self, work: impl FnOnce(&mut Self) -> Answer<()>) -> Answer<Value> {
        let before = take(&mut self.out);
        let done = work(self);
        let text = replace(&mut self.out, before);
        done.map(|()| Value::Text(text.into()))
    }

    fn write(&mut self, text: &str) -> Answer<()> {
        if self.out.len() + text.len() > RENDERED_BYTES_MAX {
            return show::too_long();
        }
        self.out.push_str(text);
        self.spend(text.len() / 64)
    }

    // Statements

    /// Executes statements.
    pub fn body(&mut self, body: &[Statement]) -> Answer<()> {
        self.deeper(|run| {
            body.iter()
                .try_for_each(|statement| run.statement(statement))
        })
    }

    fn statement(&mut self, statement: &Statement) -> Answer<()> {
        self.spend(1)?;
        match statement {
            Statement::Data(text) => self.write(text),
            Statement::Print(node) => self.print(node),
            Statement::If(branches, otherwise) => self.first_true(branches, otherwise),
            Statement::For(node) => {
                let source = self.eval(&node.iter)?;
                let scope = self.scope.clone();
                self.each(node, source, &scope, 0)
            }
            Statement::Set(target, node) => {
                let value = self.eval(node)?;
                self.assign(target, value)
            }
            Statement::SetBlock(target, filter, body) => {
                let value = self.captured_block(body, filter.as_ref())?;
                self.assign(target, value)
            }
            Statement::With(targets, body) => self.with(targets, body),
            Statement::Macro(node) => {
                let object = Object::Macro(node.clone(), self.scope.clone());
                self.scope.set(&node.name, Value::object(object));
                Ok(())
            }
            Statement::CallBlock(node, caller) => {
                let object = Object::Macro(caller.clone(), self.scope.clone());
                let value = self.call_with(node, Value::object(object))?;
                self.show(&value)
            }
            Statement::FilterBlock(filter, body) => {
                match self.captured_block(body, Some(filter))?.as_text() {
                    Some(text) => self.write(text),
                    None => fault("a filtered block that is no text any more"),
                }
            }
            Statement::Do(node) => self.eval(node).map(|value| drop_all([value].into())),
            Statement::Block(body) => {
                let root = self.root.clone();
                self.within(&root, |run| run.body(body))
            }
            Statement::Refused(word, line) => {
                self.line = *line;
                fault(format!("`{word}`, for which there is no other template"))
            }
        }
    }

    fn first_true(&mut self, branches: &[(Node, Body)], otherwise: &[Statement]) -> Answer<()> {
        for (condition, body) in branches {
            if self.eval(condition)?.is_true() {
                return self.body(body);
            }
        }
        self.body(otherwise)
    }

    /// What statements write in a scope of their own, filtered.
    fn captured_block(&mut self, body: &[Statement], filter: Option<&Node>) -> Answer {
        let scope = self.scope.clone();
        let text = self.captured(|run| run.within(&scope, |run| run.body(body)))?;
        self.filtered(text, filter)
    }

    fn print(&mut self, node: &Node) -> Answer<()> {
        let value = self.eval(node)?;
        self.show(&value)
    }

    /// Writes a value, and takes note of a variable that is not there.
    fn show(&mut self, value: &Value) -> Answer<()> {
        match value {
            Value::Missing(missing) if self.absent.len() < ABSENT_MAX => {
                if let Some(words) = advice::brief(missing) {
                    let name = show::text(&missing.name)?;
                    self.absent.push(Absent { name, words });
                }
            }
            Value::Text(text) | Value::Html(text) => return self.write(text),
            _ => {}
        }
        let text = show::text(value)?;
        self.write(&text)
    }

    /// The text of a block behind its filters.
    fn filtered(&mut self, text: Value, filter: Option<&Node>) -> Answer {
        match filter {
            None => Ok(text),
            Some(filter) => {
                self.block = text;
                self.eval(filter)
            }
        }
    }

    fn with(&mut self, targets: &[(Target, Node)], body: &[Statement]) -> Answer<()> {
        let mut values = Vec::new();
        for (_, node) in targets {
            values.push(self.eval(node)?);
        }
        let scope = self.scope.clone();
        self.within(&scope, |run| {
            for ((target, _), value) in targets.iter().zip(values) {
                run.assign(target, value)?;
            }
            run.body(body)
        })
    }

    fn assign(&mut self, target: &Target, value: Value) -> Answer<()> {
        match target {
            Target::Name(name) => {
                self.scope.set(name, value);
                Ok(())
            }
            Target::Tuple(targets) => {
                let values = self.list(&value)?;
                if values.len() != targets.len() {
                    let (names, count) = (targets.len(), values.len());
                    return fault(format!("{count} values for {names} names"));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value)?;
                }
                Ok(())
            }
            Target::Attribute(namespace, name) => match self.lookup(namespace) {
                Value::Namespace(dict) => {
                    dict.insert(Value::Text(name.clone()), value);
                    Ok(())
                }
                other => fault(format!(
                    "`{namespace}.{name}` set, but `{namespace}` is {} and no namespace()",
                    other.a_kind()
                )),
            },
        }
    }

    // Loops

    /// Executes the statements of a loop for each value.
    fn each(
        &mut self,
        node: &Rc<For>,
        source: Value,
        scope: &Rc<Scope>,
        depth: i128,
    ) -> Answer<()> {
        let iter = self.iter(&source)?;
        let (source, iter) = match node.condition {
            None => (source, iter),
            // How many there will be is not known before.
            Some(_) => {
                let filtered = Box::new((iter, node.clone(), scope.clone()));
                (Value::None, Iter::Where(filtered))
            }
        };
        let again = node.recursive.then(|| (node.clone(), scope.clone()));
        let begun = Loop::new(source, iter, again, depth);
        let value = Rc::new(Object::Loop(Box::new(begun)));
        let Object::Loop(state) = &*value else {
            return Ok(());
        };
        let name: Rc<str> = "loop".into();
        while let Some(element) = self.advance(state)? {
            self.within(scope, |run| {
                run.scope.set(&name, Value::Object(value.clone()));
                run.assign(&node.target, element)?;
                run.body(&node.body)
            })?;
        }
        match state.index() {
            0 => self.within(scope, |run| run.body(&node.otherwise)),
            _ => Ok(()),
        }
    }

    /// Goes to the next value of a loop.
    fn advance(&mut self, state: &Loop) -> Answer<Option<Value>> {
        let Ok(mut state) = state.state.try_borrow_mut() else {
            return fault("a loop inside its own list");
        };
        let next = match state.after.take() {
            Some(next) => Some(next),
            None => state.iter.next(self)?,
        };
        if let Some(next) = &next {
            state.index += 1;
            state.before = state.current.replace(next.clone());
        }
        Ok(next)
    }

    /// Does the condition of a loop hold for a value?
    pub fn passes(&mut self, node: &Rc<For>, scope: &Rc<Scope>, value: &Value) -> Answer<bool> {
        let Some(condition) = &node.condition else {
            return Ok(true);
        };
        self.within(scope, |run| {
            run.assign(&node.target, value.clone())?;
            Ok(run.eval(condition)?.is_true())
        })
    }

    /// What a loop says of itself.
    pub fn loop_attribute(&mut self, object: &Loop, name: &str) -> Answer<Option<Value>> {
        let Ok(mut state) = object.state.try_borrow_mut() else {
            return fault("a loop inside its own list");
        };
        if matches!(name, "length" | "revindex" | "revindex0") && state.length.is_none() {
            let length = match state.source.len() {
                Some(length) => length,
                None => {
                    let mut rest = Vec::new();
                    while let Some(value) = state.iter.next(self)? {
                        rest.push(value);
                    }
                    let passed = (state.index + 1) as usize + usize::from(state.after.is_some());
                    let length = rest.len() + passed;
                    state.iter = Iter::of(rest);
                    length
                }
            };
            state.length = Some(length);
        }
        if matches!(name, "last" | "nextitem") && state.after.is_none() {
            state.after = state.iter.next(self)?;
        }
        let length = state.length.unwrap_or(0) as i128;
        Ok(Some(match name {
            "index" => Value::Int(state.index + 1),
            "index0" => Value::Int(state.index),
            "revindex" => Value::Int(length - state.index),
            "revindex0" => Value::Int(length - state.index - 1),
            "first" => Value::Bool(state.index == 0),
            "last" => Value::Bool(state.after.is_none()),
            "length" => Value::Int(length),
            "depth" => Value::Int(object.depth + 1),
            "depth0" => Value::Int(object.depth),
            "previtem" => state.before.clone().unwrap_or_else(nothing),
            "nextitem" => state.after.clone().unwrap_or_else(nothing),
            _ => return Ok(None),
        }))
    }

    /// Have these values changed since the last round?
    pub fn loop_changed(&mut self, object: &Loop, values: Vec<Value>) -> Answer<bool> {
        let (old, new) = (Value::list(values.clone()), values);
        let last = match object.state.try_borrow_mut() {
            Ok(mut state) => state.changed.replace(new),
            Err(_) => return fault("a loop inside its own list"),
        };
        match last {
            Some(last) => Ok(!super::order::equal(&Value::list(last), &old)?),
            None => Ok(true),
        }
    }

    /// Calls the variable `loop`: a loop like it through other values.
    pub fn call_loop(&mut self, object: &Loop, source: Value) -> Answer {
        let Some((node, scope)) = &object.again else {
            return fault("a call of `loop` in a loop that is not `recursive`");
        };
        self.captured(|run| run.deeper(|run| run.each(node, source, scope, object.depth + 1)))
    }

    // Macros

    /// Calls a macro.
    pub fn call_macro(&mut self, node: &Macro, scope: &Rc<Scope>, mut args: Args) -> Answer {
        let mut given = take(&mut args.given).into_iter();
        let mut values = Vec::new();
        for name in &node.parameters {
            values.push(given.next().or_else(|| args.take_named(name)));
        }
        let caller = args.take_named("caller");
        let [varargs, kwargs, takes_caller] = node.takes;
        if caller.is_some() && !takes_caller && !kwargs {
            return fault(format!(
                "`call` of `{}`, which has no `caller()`",
                node.name
            ));
        }
        if given.len() > 0 && !varargs {
            return fault(format!("`{}` with too many arguments", node.name));
        }
        if let (Some((name, _)), false) = (args.named.first(), kwargs) {
            return fault(format!("`{}` with an argument {name}", node.name));
        }
        let named = args.named.into_iter();
        let named = named.map(|(name, value)| (Value::Text(name), value));
        let extras = [
            Value::tuple(given.collect()),
            Value::Dict(Rc::new(Dict::of(named))),
            caller.unwrap_or_else(|| missing("caller")),
        ];
        self.within(scope, |run| {
            for (name, extra) in EXTRAS.iter().zip(extras) {
                run.scope.set(&Rc::from(*name), extra);
            }
            run.parameters(node, values)?;
            run.captured(|run| run.body(&node.body))
        })
    }

    /// Gives each parameter its value, or its default, which may speak of those before it.
    fn parameters(&mut self, node: &Macro, values: Vec<Option<Value>>) -> Answer<()> {
        let bare = node.parameters.len().saturating_sub(node.defaults.len());
        for (at, (name, value)) in node.parameters.iter().zip(values).enumerate() {
            let default = at.checked_sub(bare).and_then(|at| node.defaults.get(at));
            let value = match (value, default) {
                (Some(value), _) => value,
                (None, Some(node)) => self.eval(node)?,
                (None, None) => missing(name),
            };
            self.scope.set(name, value);
        }
        Ok(())
    }

    // Values

    /// Goes through a value.
    pub fn iter(&mut self, value: &Value) -> Answer<Iter> {
        Ok(match value {
            Value::Text(text) | Value::Html(text) => Iter::Chars(text.clone(), 0),
            Value::List(seq) | Value::Tuple(seq) => Iter::Seq(seq.clone(), 0),
            Value::Dict(dict) => Iter::View(View::Keys, dict.clone(), 0, dict.len()),
            Value::View(view, dict) => Iter::View(*view, dict.clone(), 0, dict.len()),
            Value::Range(range) => Iter::Range(**range, 0),
            Value::Iter(iter) => Iter::Shared(iter.clone()),
            Value::Missing(_) => Iter::of(Vec::new()),
            other => return fault(format!("{} where a list should be", other.a_kind())),
        })
    }

    /// The elements of a value.
    pub fn list(&mut self, value: &Value) -> Answer<Vec<Value>> {
        let mut iter = self.iter(value)?;
        let mut list = Vec::new();
        while let Some(element) = iter.next(self)? {
            list.push(element);
        }
        Ok(list)
    }

    /// An element, a character or an entry; none where there is none.
    pub fn item(&mut self, value: &Value, key: &Value) -> Answer<Option<Value>> {
        if let Value::Missing(missing) = value {
            return fault(format!("an element of {}", advice::absent(missing)));
        }
        if let Value::Slice(bounds) = key {
            return self.slice(value, bounds);
        }
        let at = |len: usize| key.as_int().and_then(|index| place(index, len));
        Ok(match value {
            Value::Text(text) | Value::Html(text) => {
                let c = at(text.chars().count()).and_then(|place| text.chars().nth(place));
                self.spend(text.len() / 64)?;
                c.map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
            }
            Value::List(seq) | Value::Tuple(seq) => {
                let len = seq.items.borrow().len();
                at(len).and_then(|place| seq.at(place))
            }
            Value::Dict(dict) => match super::order::check_key(key) {
                Ok(()) => dict.get(key),
                Err(_) => None,
            },
            Value::Range(range) => {
                let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
                at(len).map(|place| range.at(place as i128))
            }
            _ => None,
        })
    }

    fn slice(&mut self, value: &Value, bounds: &[Value; 3]) -> Answer<Option<Value>> {
        let len = value.len().unwrap_or(0);
        let range = super::order::places(bounds, len)?;
        self.spend(len / 8)?;
        let places = (0..range.len()).map(|number| range.start + range.step * number);
        let places = places.map(|place| place as usize);
        Ok(Some(match value {
            Value::Text(text) | Value::Html(text) => {
                let chars: Vec<char> = text.chars().collect();
                let slice = places.filter_map(|place| chars.get(place)).collect();
                super::methods::text::like(value, slice)
            }
            Value::List(seq) => Value::list(places.filter_map(|place| seq.at(place)).collect()),
            Value::Tuple(seq) => Value::tuple(places.filter_map(|place| seq.at(place)).collect()),
            Value::Range(of) => Value::Range(Rc::new(super::value::Range {
                start: of.start + of.step * range.start,
                stop: of.start + of.step * range.stop,
                step: of.step.saturating_mul(range.step),
            })),
            _ => return Ok(None),
        }))
    }
}

/// What is not there, without a name.
pub fn nothing() -> Value {
    absent_as(Value::None, false)
}

/// A parameter that was not given.
pub fn missing(name: &str) -> Value {
    absent_as(Value::text(name), false)
}

/// What is not there, and perhaps not even printed.
pub fn absent_as(name: Value, is_silent: bool) -> Value {
    Value::Missing(Rc::new(Missing {
        name,
        path: String::new(),
        parent: Value::None,
        is_silent,
    }))
}
