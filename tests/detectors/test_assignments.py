"""Pairs of name and value are read in whatever way people write them, and only secrets are found in them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from secret_texts import FORMS, pairs
from timing import spent

from guardrails.detectors import SecretSpec, listed
from guardrails.detectors.alone import Alone
from guardrails.detectors.assignments import Reader
from guardrails.detectors.base import Deadline
from guardrails.detectors.patterns import Index
from guardrails.detectors.secret_proof import marked

FINDER = Alone(SecretSpec(kinds=("generic-assignment",)).detector())

PAIRED = [
    'db_password = "«hQ7!vZ2mRt9x»"',
    "password := `«qzKwvjxt9»`",
    "'password' => '«qzKwvjxt9aaBr4»',",
    '$apiToken .= "«qzKwvjxt9aaBr4»"',
    "API_TOKEN ?= «qzKwvjxt9aaBr4»",
    'os.environ["API_KEY"] = "«qzKwvjxt9aaBr4»"',
    'const char password[] = "«qzKwvjxt9»";',
    'let token: &str = "«qzKwvjxt9aaBr4»";',
    'password: Optional[str] = "«qzKwvjxt9aaBr4»"',
    'var clientSecret string = "«qzKwvjxt9aaBr4»"',
    'System.setProperty("SMTP_TOKEN", "«qzKwvjxt9aaBr4»")',
    'client.setPassword("«qzKwvjxt9»")',
    "spring.datasource.password=«qzKwvjxt9aaBr4»",
    "PASSWORD=«aB3d&fgh#1x!z9»",
    "export API_KEY=«qzKwvjxt9aaBr4» # rotate in May",
    "ENV API_TOKEN «qzKwvjxt9aaBr4»",
    "deploy --db-password «qzKwvjxt9aaBr4» --force",
    "<apiToken>\n    «837x33vfne32ql2a1lqck4t2pwwafs»\n</apiToken>",
    '<password type="plain">«qzKwvjxt9»</password>',
    '<add key="ApiKey" value="«p1CsYO2zyD7Emb8»" />',
    "<name>db.password</name><value>«p1CsYO2zyD7Emb8»</value>",
    '{"name": "DB_PASSWORD", "value": "«p1CsYO2zyD7Emb»"}',
    '- name: DB_PASSWORD\n  value: "«p1CsYO2zyD7Emb»"',
    '{"a": "{\\"password\\": \\"«aB3dEfgh1xYz9»\\"}"}',
    '{"a": "{\\"b\\": \\"{\\\\\\"password\\\\\\": \\\\\\"«aB3dEfgh1xYz9»\\\\\\"}\\"}"}',
    "GET /v1/items?token=«aB3dEfgh1xYz9»&page=2",
    "client_secret=«aB3dEfgh1xYz9»&grant_type=client_credentials",
    "Server=db;User ID=app;Password=«ytEhUKBZttpRs5»;Encrypt=True",
    "the password for root is «hQ7vZ2mRt9x1», do not share it",
    "| password | «aB3dEfgh1x» |",
    "DB_PASS = «qzkwvjxt»",
    "password='''«qzKwvjxt9aaBr4»'''",
    "    12\tSECRET_KEY = '«qzKwvjxt9aaBr4Qd7»'",
    "token: «svc_f474f4940e7e9a3e83b008cce5baac14»",
    'const password = process.env.PASSWORD || "«Harbor-lamp31»"',
    "password: process.env.DB_PASSWORD ?? '«qzKwvjxt9aaBr4»',",
    "$pass = getenv('DB_PASS') ?: '«qzKwvjxt9aaBr4»';",
    'PASSWORD = os.environ.get("PASSWORD") or "«qzKwvjxt9aaBr4»"',
    'password = ENV.fetch("DB_PASSWORD") { "«qzKwvjxt9aaBr4»" }',
    "password=${DB_PASSWORD:-«Harbor#lamp31»}",
    'variable "db_password" {\n  type = string\n  default = "«Harbor#lamp31»"\n}',
    '"adminPassword": { "value": "«Harbor#lamp31»" }',
    "password: >-\n  «Harbor#lamp31»\nuser: app\n",
    "- **Password:** «Harbor#lamp31»",
    "the api key you asked for: «ggWbku2xasv7smEOlgg4Lyhhq2khjQRd»",
    "login with password «Harbor-lamp31» please",
    "my password is «hQ&vZmRt@xKw»",
    "curl -d 'user=bob&password=«CmdouyKH@ceW»' https://host.example",
    "PGPASSWORD=«Harbor31!» psql -h db shop",
    "JWT_SECRET=«River2760!»",
    "await user.type(screen.getByLabelText('Password'), '«hQ7vZ2mRt9x1»')",
    '<setting name="ApiToken" serializeAs="String"><value>«ggWbku2xasv7smEO»</value></setting>',
]

LISTED = [
    'PASSWORDS = ["«hQ7vZ2mRt9x1»", "«Harbor#lamp31»"]',
    'API_KEYS = {"prod": "«A8Hx6t7Kkrd7u5aIEMGoFZ»", "dev": "«zjffogzugeb4Ar5qWCo0E5»"}',
    "tokens:\n  - «ir6ocQcrb7OQXZp3UIZXkq»\n  - «kHNI6qaWRbDaV4uY6hDiCb»\n",
    "| Service | Password |\n|---|---|\n| db | «Harbor#lamp31» |\n| mq | `«hQ7vZ2mRt9x1»` |\n",
    " id | name | password\n----+------+----------\n  1 | bob  | «Harbor#lamp31»\n(1 row)\n",
    'user,password,role\nbob,«Harbor#lamp31»,admin\n"Eve, B.","«hQ7vZ2mRt9x1»",user\n',
    "id\temail\tapi_token\n1\ta@host.example\t«ggWbku2xasv7smEOlgg4Lyhhq2khjQRd»\n",
    "INSERT INTO users (id, pwd) VALUES (1, '«Harbor#lamp31»'), (2, '«hQ7vZ2mRt9x1»');",
    "INSERT INTO users (name, pwd)\nVALUES ('o''k', '«Harbor#lamp31»'), (NULL, '«hQ7vZ2mRt9x1»');",
]

FOUND = [*PAIRED, *LISTED]

PASSED_OVER = [
    'password = "changeme"',
    "API_KEY=your-api-key-here",
    "SECRET_KEY=REPLACE_ME",
    "GITHUB_TOKEN=<your token>",
    "token=xxxxxxxxxxxxxxxx",
    "password: ********",
    "token=[REDACTED]",
    "password: ${DB_PASSWORD}",
    'secret: "{{ .Values.secret }}"',
    "secret: ${{ secrets.DEPLOY_KEY }}",
    'api_key = os.environ["API_KEY"]',
    "const token = process.env.GITHUB_TOKEN;",
    'token := os.Getenv("TOKEN")',
    "password = getpass.getpass()",
    'PASSWORD="$(vault read -field=pw secret/db1)"',
    "def check(password: str, hashed: str) -> bool:",
    'password = PasswordField("Password", validators=[DataRequired()])',
    'next_token = "eyJ2IjoxLCJvZmZzZXQiOjEyOH0"',
    "max_tokens=4096",
    "token_count = 81723",
    "secret_id: 123e4567-e89b-12d3-a456-426614174000",
    "api_key: 123e4567-e89b-12d3-a456-426614174000",
    'cache_key = "user:42:profile:v3"',
    'key = "ArrowDown2"',
    "password_file: /run/secrets/db_password_1",
    'token_url = "https://login.acme.example/oauth2/v2.0/token"',
    "commit_token: 9fceb02d0ae598e95dc970b74767f19372d61af8",
    '"integrity": "sha512-Zgo3OzRFSdCK42s/wvtOJ7x+czIWhpAWHRFqkT7xLI9I2wKpNP4b46xceINjIcbNrEcDYd=="',
    'password = "12345678"',
    'password = "qwertyuiop"',
    'tokenizer = AutoTokenizer.from_pretrained("google/gemma-2-9b")',
    "password=MASKED_GENERIC_ASSIGNMENT_7K2M9Q4WXA5TR0BC",
    'api_secret_name = "billing-v2-prod"',
    "passwd:x:0:0:root:/root:/bin/bash",
    "password: !Ref DbPassword2",
    "secretKeyRef: {name: db-secret-v2, key: password1}",
    "Password must be at least 8 characters and contain 1 number.",
    'auth_token = request.headers["X-Auth-Token2"]',
    "const TOKEN_REGEX = /^[A-Za-z0-9_-]{20,40}$/;",
    "the key insight is that GPT4 uses attention",
    "pk_live_key: pk_live_51NrgS1rszgAJzVb3LfPPRH8Q7p",
    "axios.CancelToken = CancelToken$1",
    '"ARN": "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestDatabaseSecret-a1b2c3"',
    "password = process.env.PASSWORD || config.fallback2;",
    'variable "db_password" {\n  type = string\n  default = "changeme"\n}',
    "the token you asked for: see chapter 12",
    "\t * The size of the pass.\n\t * Use `start1` and `count2`.\n",
    "login(user, password, 12)\nother(a, b2c3d4e5f6, 13)\n",
    "| Option | Token |\n|---|---|\n| `max_tokens` | 4096 |\n| `eos` | `</s>` |\n",
    "name,token,kind\nthe,quick1,brown\n",
    'TOKENS = ["IDENT1", "NUMBER2", "STRING3"]',
    "secrets:\n  - db_password\n  - api-key-v2\n",
    "INSERT INTO users (id, password) VALUES ($1, $2)",
]


def found(text):
    return [(hit.start, hit.end) for hit in FINDER.hits(text, Deadline.after(10))]


@pytest.mark.parametrize("text", FOUND)
def test_a_secret_is_found_with_its_exact_span(text):
    """The value alone is marked, without quotes, escapes and neighbours."""
    plain, spans = marked(text)

    assert found(plain) == spans


@pytest.mark.parametrize("text", PASSED_OVER)
def test_what_is_no_secret_is_passed_over(text):
    """Filler, references, identifiers, digests and names are never found."""
    assert found(text) == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 5), st.sampled_from(sorted(FORMS)))
def test_every_secret_of_a_pasted_text_is_found_whole(seed, count, form):
    """In each form, the whole of each value is found."""
    named = pairs(seed, count)
    text = FORMS[form](named)

    spans = found(text)

    for _, value in named:
        at = text.find(value)
        if at >= 0:  # in URLs and JSON some are spelt with escapes
            assert any(start <= at and at + len(value) <= end for start, end in spans), value[:2]


def test_time_is_linear_in_the_length_of_hostile_texts():
    """Eight times the text takes at most some sixteen times as long, whatever stems it repeats."""

    def seconds(text):
        return min(spent(lambda: found(text)) for _ in range(3))

    for piece in (
        'password="',
        "token=",
        "key: '",
        "secret is ",
        "auth|",
        "pass ",
        '"name": "token", "value": ',
        "password,x\n",
        "|secret|a1\n",
        "tokens: [",
        "secrets:\n - a1b2c3d4\n",
        "insert into t (password) values ('a1b2',",
        'variable "password" { ',
        "password || ",
    ):
        short, long = seconds(piece * 500), seconds(piece * 4_000)
        assert long < 16 * short + 0.05, piece


READER = Reader()
INDEX = Index.compile(READER.patterns)
CONTINUED = (
    *("", '"', "'", " = x9Rt4Lm8Zq", "q7Xk2b", ">q7Xk2bVw9", " is q7Xk2bVw9Rt4", "\n: q7Xk2bV", ", (", "[1]"),
    *(" abcd efgh ijkl", ';"', "</x>", "\\", "&a=", ": str = 'q7Xk2bVw9'", " | q7Xk2bVw9Rt4 |", '"""'),
)


def located(text):
    """Where the shared pass locates pairs."""
    matches = INDEX.scan(text, Deadline.after(60)).matches.values()
    return [one for found in matches for one in found]


@pytest.mark.parametrize("marked_text", [*FOUND, *PASSED_OVER])
def test_a_pair_that_is_there_as_a_whole_is_the_same_whatever_follows(marked_text):
    """At every place where the reader says so of a text that was cut off."""
    text = marked_text.replace("«", "").replace("»", "")
    for end in range(1, len(text) + 1):
        head = text[:end]
        found = [one for one in located(head) if READER.has_all(head, one.outer_start, one.outer_end, end)]
        for more in CONTINUED if found else ():
            assert list(READER.read(head, found)) == list(READER.read(f"{head}{more} and so on", found))


@pytest.mark.parametrize("marked_text", PAIRED)
def test_a_pair_is_there_as_a_whole_before_long(marked_text):
    """A line of words behind it is enough."""
    text = marked_text.replace("«", "").replace("»", "")
    whole = f"{text} and so on, with words upon words, in a line that goes on and on.\n" + "more words, " * 6
    found = [one for one in located(whole) if one.outer_start < len(text)]

    assert found
    assert all(READER.has_all(whole, one.outer_start, one.outer_end, len(whole)) for one in found)


@pytest.mark.parametrize("marked_text", LISTED)
def test_a_list_that_is_there_as_a_whole_is_the_same_whatever_follows(marked_text):
    """At every place where its foresight says so of a text that was cut off; a line behind it is enough."""
    index = Index.compile(listed.PATTERNS)
    text = marked_text.replace("«", "").replace("»", "")

    def settled(head):
        found = [one for many in index.scan(head, Deadline.after(60)).matches.values() for one in many]
        return found, [
            one
            for one in found
            if listed.FORESIGHT[one.pattern].has_come(head, one.outer_start, one.outer_end, len(head))
        ]

    for end in range(1, len(text) + 1):
        head = text[:end]
        decided = settled(head)[1]
        for more in CONTINUED if decided else ():
            assert list(listed.read(head, decided)) == list(listed.read(f"{head}{more} and so on", decided))
    found, decided = settled(f"{text}\n)]}} and so on.\nMore words.\n")
    assert found
    assert found == decided
