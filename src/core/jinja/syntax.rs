//! A template as a tree.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::value::Value;

/// An expression, the line where it ends, and how high the tree of it is.
pub struct Node {
    /// What it is.
    pub expr: Expr,
    /// The line, from 1.
    pub line: u32,
    /// One more than the highest of what is in it.
    pub height: u16,
}

/// An expression.
pub enum Expr {
    /// A literal.
    Const(Value),
    /// A variable.
    Name(Rc<str>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `(a, b)`
    Tuple(Vec<Node>),
    /// `{a: b}`
    Dict(Vec<(Node, Node)>),
    /// `a.b`
    Attribute(Box<Node>, Rc<str>),
    /// `a[b]`
    Item(Box<Node>, Box<Node>),
    /// `a:b:c`, between brackets only.
    Slice(Box<[Option<Node>; 3]>),
    /// `not a`
    Not(Box<Node>),
    /// `-a`, and `+a` where that is false.
    Sign(bool, Box<Node>),
    /// `a + b`
    Binary(Box<(Node, Binary, Node)>),
    /// `a and b`
    And(Box<(Node, Node)>),
    /// `a or b`
    Or(Box<(Node, Node)>),
    /// `a < b < c`
    Compare(Box<Node>, Vec<(Comparison, Node)>),
    /// `a ~ b ~ c`
    Concat(Vec<Node>),
    /// `b if a else c`: a, b, c.
    If(Box<(Node, Node, Option<Node>)>),
    /// `a(b)`
    Call(Box<Call>),
    /// `a | b`
    Filter(Box<Named>),
    /// `a is b`
    Test(Box<Named>),
}

/// An operator between two values.
#[derive(Clone, Copy)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    Floor,
    /// `%`
    Mod,
    /// `**`
    Pow,
}

/// An operator whose answer is true or false.
#[derive(Clone, Copy)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// A call.
pub struct Call {
    /// What is called.
    pub function: Node,
    /// What is given.
    pub arguments: Arguments,
}

/// A filter or test.
pub struct Named {
    /// The value before it; a block has none.
    pub value: Option<Node>,
    /// Its name.
    pub name: Rc<str>,
    /// What is given beside the value.
    pub arguments: Arguments,
}

/// What is given to a call: `(a, b=c, *d, **e)`.
#[derive(Default)]
pub struct Arguments {
    /// By place.
    pub given: Vec<Node>,
    /// By name.
    pub named: Vec<(Rc<str>, Node)>,
    /// A list of more.
    pub more: Option<Node>,
    /// A map of more by name.
    pub more_named: Option<Node>,
}

/// Statements in order.
pub type Body = Vec<Statement>;

/// A statement.
pub enum Statement {
    /// Text that stays as it is.
    Data(Rc<str>),
    /// `{{ a }}`
    Print(Node),
    /// Each condition with its statements, and those of `else`.
    If(Vec<(Node, Body)>, Body),
    /// A loop.
    For(Rc<For>),
    /// `set a = b`
    Set(Target, Node),
    /// `set a`, with filters
    SetBlock(Target, Option<Node>, Body),
    /// `with a = b`
    With(Vec<(Target, Node)>, Body),
    /// A definition.
    Macro(Rc<Macro>),
    /// `call(a) b()`: the call, and what its `caller` is.
    CallBlock(Node, Rc<Macro>),
    /// `filter a`
    FilterBlock(Node, Body),
    /// `do a`
    Do(Node),
    /// `block a`
    Block(Body),
    /// What needs other templates, of which there are none.
    Refused(Rc<str>, u32),
}

/// What can be assigned to.
pub enum Target {
    /// A variable.
    Name(Rc<str>),
    /// Several, for the elements of a list.
    Tuple(Vec<Target>),
    /// An attribute of a namespace.
    Attribute(Rc<str>, Rc<str>),
}

/// A loop.
pub struct For {
    /// What each value is assigned to.
    pub target: Target,
    /// What is gone through.
    pub iter: Node,
    /// Which values count.
    pub condition: Option<Node>,
    /// May `loop` be called?
    pub recursive: bool,
    /// The statements for each value.
    pub body: Body,
    /// The statements if there was none.
    pub otherwise: Body,
}

/// A macro.
pub struct Macro {
    /// Its name.
    pub name: Rc<str>,
    /// The parameters.
    pub parameters: Vec<Rc<str>>,
    /// The values of the last parameters, where none are given.
    pub defaults: Vec<Node>,
    /// Its statements.
    pub body: Body,
    /// Does it speak of `varargs`, `kwargs` and `caller`, so that it takes them?
    pub takes: [bool; 3],
}

/// The names by which a macro has what it has no parameter for.
pub const EXTRAS: [&str; 3] = ["varargs", "kwargs", "caller"];
