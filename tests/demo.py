"""A small invented library and its rules, so that tests of the engines stand on nothing else."""

from __future__ import annotations

from pathlib import Path

from tlsight.config import Config
from tlsight.engine import Unit, build, check, known_names
from tlsight.facts import NO_FACTS, Facts
from tlsight.finding import Finding
from tlsight.rulebook import load
from tlsight.syntax import Hints, declarations, parse, read

LIBRARY = """# Demo

```toml
prefixes = ["my_"]
asserts = ["ENSURE"]

[values.grade]
means.low = ["GRADE_LOW", "Demo::Low"]
means.mid = ["GRADE_MID"]
means.high = ["GRADE_HIGH", "Demo::High"]
mend = { "*" = "GRADE_HIGH" }

[call.set-grade]
forms = ["set_grade(object, grade)", "Channel::setGrade(grade)", "Channel::Channel(grade?)"]

[call.open-door]
forms = ["set_flags(object, flags)"]
where = { flags = "has FLAG_OPEN" }
mend = { drop = { flags = ["FLAG_OPEN"] } }

[call.close-door]
forms = ["shut(object)"]

[call.keyed]
forms = ["use_key(object, key)"]

[releases]
macro = "DEMO_VERSION"
oldest = "1.0"
numbers = { "1.0" = 0x10000, "2.0" = 0x20000 }
packed = { DEMO_CHECK = [16, 8] }
cut-down = "DEMO_NO_[A-Z]+"

[call.send]
forms = ["emit(object, length)"]
where = { length = "except 1" }

[call.renamed]
forms = ["old_name(object)"]
since = "2.0"

[call.dropped]
forms = ["old_way(object)"]
until = "2.0"

[call.vague]
forms = ["count(object, length)"]
where = { length = "unknown" }

[call.special-key]
forms = ["use_key(object, key)"]
near = "special"

[call.digest]
forms = ["digest(data, out)"]
writes = { out = "32" }

[call.three]
forms = ["verify(object)"]
ok = "== 1"
fail = "<= 0"

[call.make]
forms = ["make()"]
ok = "!= null"
fail = "== null"

[call.touch]
forms = ["touch(object)"]

[call.install]
forms = ["install(object, judge)"]

[call.install.callback]
argument = "judge"
parameters = ["before", "data", "size"]
accepts = "!= 0"
refused = { before = 0 }
limits = { data = 8, size = 8 }

[call.secret]
forms = ["mix(key, content, out)"]

[call.chance]
forms = ["chance(out, size)"]

[call.peer]
forms = ["peer_of(object, out)"]

[call.compare]
forms = ["same(one, other, size)"]

[call.copy]
forms = ["copy(out, from, size)"]

[call.create]
forms = ["create()", "Gadget::Gadget()"]
makes = true

[call.derive]
forms = ["derive(object)"]
makes = true
gives = { result = "object" }

[call.options-of]
forms = ["options_of(object)"]
gives = { object = "result" }

[call.prepare]
forms = ["prepare(object)", "Gadget::prepare()"]

[call.start]
forms = ["start(object)", "Gadget::start()"]

[call.mark]
forms = ["mark(object)"]

[call.change]
forms = ["change(object)"]

[call.attempt]
forms = ["attempt(object, data, size)"]
mend = { before = "clear()" }

[call.attempt-why]
forms = ["why(object, result)"]

[call.clear]
forms = ["clear()"]

[call.in-parallel]
forms = ["in_parallel(_)"]

[call.bring]
forms = ["bring(out, size)"]

[call.permit]
forms = ["permit(object)"]
[call.holder]
forms = ["holder_of(object)"]
gives = { result = "object" }

[call.label]
forms = ["label_of(from)"]
gives = { result = "from" }

[call.label-into]
role = "label"
forms = ["label_into(from, text)"]
gives = { text = "from" }

[call.copied]
forms = ["copy_text(to, from)"]
gives = { to = "from" }

[call.same-text]
forms = ["same_text(left, right)"]

[call.stamp]
forms = ["stamp_of(object, stamp)"]
gives = { object = "stamp" }

[call.check-stamp]
forms = ["check_stamp(stamp)"]

[call.state]
forms = ["state_of(object)"]

[call.attach]
forms = ["attach(object, channel)"]

[call.put]
forms = ["put(channel, data)"]
where = { data = "except literal" }

[call.text]
role = "conversion"
forms = ["Text::Text(content)"]
```

```c header=demo.h
#define GRADE_LOW 1
#define GRADE_MID 2
#define GRADE_HIGH 3
#define FLAG_OPEN 0x10
#define FLAG_OTHER 0x20
struct object;
int set_grade(object *o, int grade);
void set_flags(object *o, unsigned flags);
void shut(object *o);
void use_key(object *o, const void *key);
void emit(object *o, int length);
void old_name(object *o);
void old_way(object *o);
void count(object *o, int length);
void digest(const void *data, unsigned char *out);
int verify(object *o);
#define WHY_BROKEN 1
#define WHY_LATER 2
int attempt(object *o, const void *data, int size);
int why(object *o, int result);
void clear();
void change(object *o);
void permit(object *o);
void in_parallel(void (*f)());
int bring(void *out, int size);
object *make();
void touch(object *o);
typedef int (*judge)(int before, unsigned char *data, unsigned *size);
void install(object *o, judge j);
void mix(const void *key, const void *content, unsigned char *out);
void chance(unsigned char *out, int size);
void plain(const void *from, unsigned char *out);
void *kept(object *o);
void peer_of(object *o, unsigned char *out);
int same(const void *one, const void *other, unsigned size);
void copy(void *out, const void *from, unsigned size);
object *create();
object *derive(object *o);
object *options_of(object *o);
int prepare(object *o);
int start(object *o);
void mark(object *o);
struct holder { struct { char *label; } u; };
holder *holder_of(object *o);
char *label_of(holder *h);
int label_into(holder *h, char *text);
void copy_text(char *to, const char *from);
int length_of(const char *text);
int same_text(const char *left, const char *right);
void stamp_of(object *o, int **stamp);
int check_stamp(const int *stamp);
int state_of(object *o);
void attach(object *o, int channel);
void put(int channel, const char *data);
class Gadget { public: Gadget(); void prepare(); void start(); };
namespace Demo { enum Level { Low = 1, High = 3 }; }
class Text { public: Text(const char *content); };
class Channel { public: Channel(int grade = GRADE_LOW); void setGrade(int grade); };
```
"""

POLICY = """# demo

**Demo policy**

```toml
[judge.grade]
forbidden = { low = "clause 1" }
discouraged = { mid = "clause 2" }
```
"""

PROPERTY = """# {id}

**Demo.**

```toml
severity = "error"
cwe = [1]
kind = "{kind}"
safety = "safe"
message = "{message}"

[[check]]
{check}
```

Text.
"""

PROPERTIES = {
    "low-grade": ("argument", 'roles = ["set-grade"]\nargument = "grade"\njudge = "grade"'),
    "door-open": (
        "argument",
        'roles = ["open-door"]\nargument = "flags"\nunless = ["close-door"]',
    ),
    "literal-key": ("argument", 'roles = ["keyed"]\nargument = "key"\nconstant = true'),
    "small-out": ("argument", 'roles = ["digest"]\nargument = "out"\ncapacity = true'),
    "sent": ("argument", 'roles = ["send"]'),
    "old-name": ("argument", 'roles = ["renamed"]\nnot-near = "legacy"'),
    "old-way": ("argument", 'roles = ["dropped"]'),
    "vague": ("argument", 'roles = ["vague"]'),
    "also-keyed": (
        "argument",
        'roles = ["keyed"]\nargument = "key"\nconstant = true\nnot-as = ["special-key"]',
    ),
    "unlooked": ("result", 'roles = ["three"]\nwrong = "unchecked"'),
    "misread": ("result", 'roles = ["three"]\nwrong = "misread"'),
    "accepts": ("callback", 'roles = ["install"]\nwrong = "accepts-all"'),
    "open-made": (
        "callback",
        'roles = ["install"]\nwrong = "not-from"\nargument = "data"\nsources = ["secret"]',
    ),
    "unbound": (
        "callback",
        'roles = ["install"]\nwrong = "not-from"\nargument = "data"\n'
        'through = ["secret.content"]\nsources = ["peer"]',
    ),
    "by-chance": (
        "callback",
        'roles = ["install"]\nwrong = "made-inside"\nargument = "data"\n'
        'through = ["secret.key"]\nsources = ["chance"]',
    ),
    "trusted": (
        "callback",
        'roles = ["install"]\nwrong = "length-trusted"\nargument = "size"\n'
        'sinks = ["compare.size"]',
    ),
    "compared": (
        "callback",
        'roles = ["install"]\nwrong = "plays"\nargument = "data"\nsinks = ["compare.one"]',
    ),
    "too-long": (
        "callback",
        'roles = ["install"]\nwrong = "overflows"\nargument = "data"\nsinks = ["copy.size"]',
    ),
    "unprepared": (
        "typestate",
        'roles = ["start"]\nargument = "object"\nwrong = "not-before"\nneeds-one = ["prepare"]',
    ),
    "unprepared-gadget": (
        "typestate",
        'roles = ["start"]\nargument = "this"\nwrong = "never"\nneeds-one = ["prepare"]',
    ),
    "marked": (
        "typestate",
        'roles = ["start"]\nargument = "object"\nwrong = "never"\ngiven = ["mark"]\n'
        'needs-one = ["prepare"]',
    ),
    "spoilt": (
        "typestate",
        'roles = ["attempt"]\nargument = "object"\nwrong = "left-over"\n'
        'sinks = ["attempt-why"]\nresults = ["WHY_BROKEN"]\ninstead = ["WHY_LATER"]\n'
        "assumes = { result = -1 }\n"
        'needs-one = ["clear"]\nperhaps = "tidy"\nunless = ["in-parallel"]',
    ),
    "other-data": (
        "typestate",
        'roles = ["attempt"]\nargument = "object"\nwrong = "differs"\n'
        'same = ["data", "size"]\nsinks = ["attempt-why"]\nresults = ["WHY_LATER"]\n'
        'assumes = { result = -1 }\nsources = ["bring"]\nneeds-one = ["permit"]',
    ),
    "changed-late": (
        "typestate",
        'roles = ["derive"]\nargument = "object"\nwrong = "reaches"\nlone = true\n'
        'sinks = ["change"]',
    ),
    "changed-after-success": (
        "typestate",
        'roles = ["three"]\nargument = "object"\nwrong = "reaches"\nresults = ["1"]\n'
        'needs-one = ["start"]\nsinks = ["change"]',
    ),
    "unstamped": (
        "typestate",
        'roles = ["stamp"]\nargument = "object"\nwrong = "never"\nneeds-one = ["check-stamp"]',
    ),
    "believed": (
        "typestate",
        'roles = ["state"]\nargument = "object"\nwrong = "never"\ndecides = true\n'
        'needs-one = ["prepare"]',
    ),
    "put-after": (
        "typestate",
        'roles = ["start"]\nargument = "object"\nwrong = "reaches"\nresults = ["-1"]\n'
        'sinks = ["put.channel"]\ntied = "attach.channel"',
    ),
    "marked-after": (
        "typestate",
        'roles = ["start"]\nargument = "object"\nwrong = "reaches"\nsinks = ["mark"]\n'
        'needs-one = ["prepare"]',
    ),
    "label-compared": (
        "taint",
        'roles = ["label"]\nwrong = "compared"\nsinks = ["same-text.left", "same-text.right"]\n'
        'of = ["holder"]\nunmeasured = true',
    ),
    "label-believed": (
        "taint",
        'roles = ["label"]\nwrong = "compared"\nsinks = ["same-text.left"]\non = "holder"\n'
        'given = ["start"]\nneeds-one = ["prepare"]',
    ),
    "label-near": (
        "taint",
        'roles = ["label"]\nwrong = "compared"\nsinks = ["same-text.left", "same-text.right"]\n'
        'near = "host"',
    ),
    "unguarded": (
        "result",
        'roles = ["make"]\nwrong = "used-unguarded"\nsinks = ["touch.object"]',
    ),
}


def write_pages(folder: Path) -> None:
    """Effect: writes the invented pages as a rule folder."""
    for name in ("practice", "libraries", "policies"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "libraries" / "demo.md").write_text(LIBRARY)
    (folder / "policies" / "demo.md").write_text(POLICY)
    for rule, (kind, words) in PROPERTIES.items():
        message = "{call} has {value}" if kind != "result" else "{call} is taken wrongly"
        text = PROPERTY.format(id=rule, kind=kind, check=words, message=message)
        (folder / "practice" / f"{rule}.md").write_text(text)


class Bench:
    """The invented rulebook, ready to check texts."""

    def __init__(self, folder: Path) -> None:
        write_pages(folder)
        self.rulebook = load(policy="demo", pages=folder)
        header = next(iter(self.rulebook.libraries["demo"].headers))
        self.declared = declarations(header.text.encode(), "cpp", Hints())
        self.index = build(self.rulebook, [self.declared])

    def unit(self, text: str, facts: Facts = NO_FACTS, language: str = "cpp") -> Unit:
        """Read a text by syntax, with facts if any."""
        data = text.encode()
        hints = Hints(
            roles=known_names(self.index),
            asserts=frozenset({"ENSURE"}),
            declarations=self.declared,
            types=frozenset(self.declared.records),
        )
        module = read(parse(data, language, hints), hints)
        return Unit(data, module, facts, (self.declared,), language)

    def check(self, text: str, facts: Facts = NO_FACTS) -> tuple[Finding, ...]:
        """All findings of a text."""
        return check(self.index, self.unit(text, facts), Config(), lambda: ())

    def found(self, text: str, rule: str) -> list[str]:
        """What the findings of one rule underline."""
        data = text.encode()
        return [
            data[item.span.start : item.span.end].decode()
            for item in self.check(text)
            if item.rule == rule
        ]
