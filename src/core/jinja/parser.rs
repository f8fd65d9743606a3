//! Tokens read into a tree.
//!
//! ```text
//! body       = *( data / "{{" tuple "}}" / "{%" statement "%}" )
//! statement  = "if" tuple … / "for" target "in" tuple ["if" expression] ["recursive"] … / "set" target ( "=" tuple / *filter … )
//!            / "with" [target "=" expression *( "," … )] … / "macro" name signature … / "call" [signature] expression …
//!            / "filter" … / "block" name … / "do" tuple / "print" expression *( "," expression )
//! ```
//!
//! Where three dots are, statements follow, up to the one that ends them.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::userdata::template::Broken;

use super::lexer::{Spot, Token};
use super::syntax::{Body, EXTRAS, Expr, For, Macro, Node, Statement, Target};
use super::value::Value;

mod expression;

/// How deep brackets and statements may be nested.
const NESTING_MAX: usize = 100;

/// What a step of the parser gives.
type Parsed<T = Node> = Result<T, Broken>;

/// Reads the tokens of a template.
pub fn parse(spots: &[Spot]) -> Result<Body, Broken> {
    let mut parser = Parser {
        spots,
        at: 0,
        nesting: 0,
        seen: Vec::new(),
        conditions: 0,
        unknown: None,
        blocks: Vec::new(),
    };
    let body = parser.body(&[])?;
    match parser.unknown {
        Some(broken) => Err(broken),
        None => Ok(body),
    }
}

struct Parser<'a> {
    spots: &'a [Spot],
    at: usize,
    nesting: usize,
    /// Which of [`EXTRAS`] were named since each macro that is being read began.
    seen: Vec<[bool; 3]>,
    /// How many conditions may keep what is here from being executed.
    conditions: usize,
    /// The first filter or test that is not known and under no condition.
    unknown: Option<Broken>,
    /// The names of the blocks so far.
    blocks: Vec<Rc<str>>,
}

impl Parser<'_> {
    // Tokens

    fn token(&self) -> Option<&Token> {
        self.spots.get(self.at).map(|spot| &spot.token)
    }

    fn line(&self) -> u32 {
        let spot = self.spots.get(self.at).or(self.spots.last());
        spot.map_or(1, |spot| spot.line)
    }

    fn broken<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        Err(Broken {
            line: Some(self.line() as usize),
            reason: reason.into(),
        })
    }

    /// Says what is here instead of what should be.
    fn instead<T>(&self, expected: &str) -> Parsed<T> {
        let found = match self.token() {
            None => "the end of the template".to_string(),
            Some(Token::Data(_)) => "text".to_string(),
            Some(Token::PrintStart) => "`{{`".to_string(),
            Some(Token::PrintEnd) => "`}}`".to_string(),
            Some(Token::BlockStart) => "`{%`".to_string(),
            Some(Token::BlockEnd) => "`%}`".to_string(),
            Some(Token::Name(name)) => format!("`{name}`"),
            Some(Token::Text(_)) => "a string".to_string(),
            Some(Token::Int(_) | Token::Float(_)) => "a number".to_string(),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        };
        self.broken(format!("{found} instead of {expected}"))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token(), Some(Token::Name(name)) if **name == *word)
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.token(), Some(Token::Sign(other)) if *other == sign)
    }

    fn takes(&mut self, is_it: bool) -> bool {
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(self.is_word(word))
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        self.takes(self.is_sign(sign))
    }

    fn sign(&mut self, sign: &str) -> Parsed<()> {
        if self.takes_sign(sign) {
            Ok(())
        } else {
            self.instead(&format!("`{sign}`"))
        }
    }

    fn word(&mut self, word: &str) -> Parsed<()> {
        if self.takes_word(word) {
            Ok(())
        } else {
            self.instead(&format!("`{word}`"))
        }
    }

    fn name(&mut self) -> Parsed<Rc<str>> {
        match self.token() {
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.instead("a name"),
        }
    }

    /// Reads something that may contain its like.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            return self.broken(format!("more than {NESTING_MAX} levels of nesting"));
        }
        self.nesting += 1;
        let read = read(self);
        self.nesting -= 1;
        read
    }

    /// Reads something that may not be executed.
    fn conditional<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.conditions += 1;
        let read = read(self);
        self.conditions -= 1;
        read
    }

    /// Reads something that is executed on its own, whatever condition is around it.
    fn unconditional<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let conditions = core::mem::take(&mut self.conditions);
        let read = read(self);
        self.conditions = conditions;
        read
    }

    /// Takes note of a filter or test that is not known.
    fn unknown(&mut self, name: &str, kind: &str) {
        if self.conditions == 0 && self.unknown.is_none() {
            self.unknown = self
                .broken::<()>(format!("`{name}`, which is no {kind}"))
                .err();
        }
    }

    // Statements

    /// Statements up to one that starts with one of these words, which is left to read.
    fn body(&mut self, ends: &[&str]) -> Parsed<Body> {
        let mut body = Body::new();
        loop {
            match self.token() {
                Some(Token::Data(text)) => {
                    body.push(Statement::Data(text.clone()));
                    self.at += 1;
                }
                Some(Token::PrintStart) => {
                    self.at += 1;
                    body.push(Statement::Print(self.tuple(true, &[])?));
                    if self.takes(self.token() == Some(&Token::PrintEnd)) {
                    } else {
                        return self.instead("`}}`");
                    }
                }
                Some(Token::BlockStart) => {
                    self.at += 1;
                    if ends.iter().any(|end| self.is_word(end)) {
                        return Ok(body);
                    }
                    self.nested(|parser| parser.statement(&mut body, ends))?;
                    self.block_end()?;
                }
                None if ends.is_empty() => return Ok(body),
                _ => return self.instead(&or(ends)),
            }
        }
    }

    fn block_end(&mut self) -> Parsed<()> {
        if self.takes(self.token() == Some(&Token::BlockEnd)) {
            Ok(())
        } else {
            self.instead("`%}`")
        }
    }

    /// The statements of a block that has just begun.
    fn block(&mut self, ends: &[&str]) -> Parsed<Body> {
        self.takes_sign(":");
        self.block_end()?;
        self.body(ends)
    }

    /// The statements of a block that has one end, and the end.
    fn whole_block(&mut self, end: &str) -> Parsed<Body> {
        let body = self.unconditional(|parser| parser.block(&[end]))?;
        self.at += 1;
        Ok(body)
    }

    fn statement(&mut self, body: &mut Body, ends: &[&str]) -> Parsed<()> {
        let line = self.line();
        let word = self.name()?;
        body.push(match &*word {
            "if" => self.conditional(Self::if_statement)?,
            "for" => self.for_statement()?,
            "set" => self.set_statement()?,
            "with" => self.with_statement()?,
            "macro" => self.macro_statement()?,
            "call" => self.call_statement()?,
            "filter" => {
                let filter = self.unconditional(|parser| parser.filters(None, true))?;
                Statement::FilterBlock(filter, self.whole_block("endfilter")?)
            }
            "do" => Statement::Do(self.tuple(true, &[])?),
            "block" => self.block_statement()?,
            "print" => return self.print_statement(body),
            "include" | "import" | "from" | "extends" => {
                while !matches!(self.token(), None | Some(Token::BlockEnd)) {
                    self.at += 1;
                }
                Statement::Refused(word, line)
            }
            _ => {
                self.at -= 1;
                return match ends {
                    [] => self.instead("a statement"),
                    ends => self.instead(&format!("a statement or {}", or(ends))),
                };
            }
        });
        Ok(())
    }

    fn if_statement(&mut self) -> Parsed<Statement> {
        let mut branches = Vec::new();
        loop {
            let condition = self.tuple(false, &[])?;
            branches.push((condition, self.block(&["elif", "else", "endif"])?));
            match &*self.name()? {
                "elif" => {}
                "else" => {
                    let otherwise = self.block(&["endif"])?;
                    self.at += 1;
                    return Ok(Statement::If(branches, otherwise));
                }
                _ => return Ok(Statement::If(branches, Body::new())),
            }
        }
    }

    fn for_statement(&mut self) -> Parsed<Statement> {
        let target = self.target(&["in"])?;
        if names_loop(&target) {
            return self.broken("`loop` as the variable of a loop");
        }
        self.word("in")?;
        let iter = self.tuple(false, &["recursive"])?;
        let condition = if self.takes_word("if") {
            Some(self.unconditional(Self::expression)?)
        } else {
            None
        };
        let recursive = self.takes_word("recursive");
        let body = self.unconditional(|parser| parser.block(&["endfor", "else"]))?;
        let otherwise = match &*self.name()? {
            "else" => self.whole_block("endfor")?,
            _ => Body::new(),
        };
        Ok(Statement::For(Rc::new(For {
            target,
            iter,
            condition,
            recursive,
            body,
            otherwise,
        })))
    }

    fn set_statement(&mut self) -> Parsed<Statement> {
        let target = match self.spots.get(self.at + 1).map(|spot| &spot.token) {
            Some(Token::Sign(".")) => {
                let namespace = self.name()?;
                self.sign(".")?;
                Target::Attribute(namespace, self.name()?)
            }
            _ => self.target(&[])?,
        };
        if self.takes_sign("=") {
            return Ok(Statement::Set(target, self.tuple(true, &[])?));
        }
        let filter = if self.is_sign("|") {
            Some(self.unconditional(|parser| parser.filters(None, false))?)
        } else {
            None
        };
        let body = self.whole_block("endset")?;
        Ok(Statement::SetBlock(target, filter, body))
    }

    fn with_statement(&mut self) -> Parsed<Statement> {
        let mut targets = Vec::new();
        while !matches!(self.token(), Some(Token::BlockEnd)) {
            if !targets.is_empty() {
                self.sign(",")?;
            }
            let target = self.target(&[])?;
            self.sign("=")?;
            targets.push((target, self.expression()?));
        }
        let body = self.whole_block("endwith")?;
        Ok(Statement::With(targets, body))
    }

    fn macro_statement(&mut self) -> Parsed<Statement> {
        let name = self.name()?;
        let (parameters, defaults) = self.signature()?;
        let macro_ = self.macro_of(name, parameters, defaults, "endmacro")?;
        Ok(Statement::Macro(macro_))
    }

    fn call_statement(&mut self) -> Parsed<Statement> {
        let (parameters, defaults) = if self.is_sign("(") {
            self.signature()?
        } else {
            Default::default()
        };
        let call = self.expression()?;
        if !matches!(call.expr, Expr::Call(_)) {
            return self.broken("an expression that is no call behind `call`");
        }
        let caller = self.macro_of("caller".into(), parameters, defaults, "endcall")?;
        Ok(Statement::CallBlock(call, caller))
    }

    fn macro_of(
        &mut self,
        name: Rc<str>,
        parameters: Vec<Rc<str>>,
        defaults: Vec<Node>,
        end: &str,
    ) -> Parsed<Rc<Macro>> {
        self.seen.push([false; 3]);
        let body = self.whole_block(end)?;
        let takes = self.seen.pop().unwrap_or_default();
        for (extra, outer) in self.seen.last_mut().into_iter().flatten().enumerate() {
            *outer |= takes.get(extra) == Some(&true);
        }
        Ok(Rc::new(Macro {
            name,
            parameters,
            defaults,
            body,
            takes,
        }))
    }

    /// `signature = "(" [name ["=" expression] *( "," … )] ")"`
    fn signature(&mut self) -> Parsed<(Vec<Rc<str>>, Vec<Node>)> {
        let (mut parameters, mut defaults) = (Vec::new(), Vec::new());
        self.sign("(")?;
        while !self.is_sign(")") {
            if !parameters.is_empty() {
                self.sign(",")?;
            }
            parameters.push(self.name()?);
            if self.takes_sign("=") {
                defaults.push(self.expression()?);
            } else if !defaults.is_empty() {
                return self.instead("`=`, because the parameters before have it");
            }
        }
        self.sign(")")?;
        Ok((parameters, defaults))
    }

    fn block_statement(&mut self) -> Parsed<Statement> {
        let name = self.name()?;
        if self.blocks.contains(&name) {
            return self.broken(format!("a second block `{name}`"));
        }
        self.blocks.push(name.clone());
        let _ = self.takes_word("scoped") || self.takes_word("required");
        let body = self.whole_block("endblock")?;
        self.takes_word(&name);
        Ok(Statement::Block(body))
    }

    fn print_statement(&mut self, body: &mut Body) -> Parsed<()> {
        while !matches!(self.token(), None | Some(Token::BlockEnd)) {
            body.push(Statement::Print(self.expression()?));
            if !self.takes_sign(",") {
                break;
            }
        }
        Ok(())
    }

    /// `target = name / "(" target ")" / target "," [target …]`
    fn target(&mut self, ends: &[&str]) -> Parsed<Target> {
        let mut targets = Vec::new();
        loop {
            let is_end = ends.iter().any(|end| self.is_word(end));
            if is_end || matches!(self.token(), Some(Token::BlockEnd | Token::Sign(")" | "="))) {
                break;
            }
            let target = if self.takes_sign("(") {
                let inner = self.nested(|parser| parser.target(&[]))?;
                self.sign(")")?;
                inner
            } else {
                Target::Name(self.variable()?)
            };
            match (self.takes_sign(","), targets.is_empty()) {
                (false, true) => return Ok(target),
                (false, false) => {
                    targets.push(target);
                    break;
                }
                (true, _) => targets.push(target),
            }
        }
        if targets.is_empty() {
            self.instead("a name")
        } else {
            Ok(Target::Tuple(targets))
        }
    }

    /// A name that can be assigned to.
    fn variable(&mut self) -> Parsed<Rc<str>> {
        match self.token() {
            Some(Token::Name(name)) if constant(name).is_some() => self.instead("a name"),
            _ => self.name(),
        }
    }
}

/// Is `loop` among the names?
fn names_loop(target: &Target) -> bool {
    match target {
        Target::Name(name) => &**name == "loop",
        Target::Tuple(targets) => targets.iter().any(names_loop),
        Target::Attribute(..) => false,
    }
}

/// The words that may end a block.
fn or(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(" or ")
}

/// The value of a name that is a literal.
fn constant(name: &str) -> Option<Value> {
    match name {
        "true" | "True" => Some(Value::Bool(true)),
        "false" | "False" => Some(Value::Bool(false)),
        "none" | "None" => Some(Value::None),
        _ => None,
    }
}

/// Which of [`EXTRAS`] a name is.
fn extra(name: &str) -> Option<usize> {
    EXTRAS.iter().position(|extra| *extra == name)
}

/// What a name needs to live in a box.
fn boxed(one: Node, other: Node) -> Box<(Node, Node)> {
    Box::new((one, other))
}
