--- The syntax of RE2, as Go has it: what is refused, and what the rest means.
local regex = require "moonwatch.regex"

local function refusal_of(pattern)
  local object, message = regex.compile(pattern)
  return not object and message or "accepted"
end

describe("a pattern", function()
  -- { pattern, what is said of it }
  for _, case in ipairs {
    { "?", "missing argument to repetition operator: `?`" },
    { "a|*?", "missing argument to repetition operator: `*?`" },
    { "(+)", "missing argument to repetition operator: `+`" },
    { "{2}", "missing argument to repetition operator: `{2}`" },
    { "a(?=b)", "invalid or unsupported Perl syntax: `(?=`" },
    { "a(?!b)", "invalid or unsupported Perl syntax: `(?!`" },
    { "(?<=a)b", "invalid or unsupported Perl syntax: `(?<`" },
    { "(?<!a)b", "invalid or unsupported Perl syntax: `(?<`" },
    { "(?>a)", "invalid or unsupported Perl syntax: `(?>`" },
    { "(?#a)", "invalid or unsupported Perl syntax: `(?#`" },
    { "(?R)", "invalid or unsupported Perl syntax: `(?R`" },
    { "(?1)", "invalid or unsupported Perl syntax: `(?1`" },
    { "(?P>n)", "invalid or unsupported Perl syntax: `(?P`" },
    { "(?P=n)", "invalid or unsupported Perl syntax: `(?P`" },
    { "(?(1)a|b)", "invalid or unsupported Perl syntax: `(?(`" },
    { "(?|a|b)", "invalid or unsupported Perl syntax: `(?|`" },
    { "(?C1)", "invalid or unsupported Perl syntax: `(?C`" },
    { "(?x)a", "invalid or unsupported Perl syntax: `(?x`" },
    { "(?^)a", "invalid or unsupported Perl syntax: `(?^`" },
    { "(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`" },
    { "(?i--s)a", "invalid or unsupported Perl syntax: `(?i--`" },
    { "(?i", "invalid or unsupported Perl syntax: `(?i`" },
    { "(?", "invalid or unsupported Perl syntax: `(?`" },
    { "(*FAIL)", "missing argument to repetition operator: `*`" },
    { "(?P<>a)", "invalid named capture: `(?P<>`" },
    { "(?P<a-b>a)", "invalid named capture: `(?P<a-b>`" },
    { "(?P<n", "invalid named capture: `(?P<n`" },
    { "a**", "invalid nested repetition operator: `**`" },
    { "a*+", "invalid nested repetition operator: `*+`" },
    { "a++", "invalid nested repetition operator: `++`" },
    { "a{2}+", "invalid nested repetition operator: `{2}+`" },
    { "a???", "invalid nested repetition operator: `???`" },
    { "a{1001}", "invalid repeat count: `{1001}`" },
    { "a{99999999999}", "invalid repeat count: `{99999999999}`" },
    { "a{3,2}", "invalid repeat count: `{3,2}`" },
    { "a{2,1001}", "invalid repeat count: `{2,1001}`" },
    { "((a{10}){10}){11}", "invalid repeat count: `{11}`" },
    { "(b|(a{500})c){3,}", "invalid repeat count: `{3,}`" },
    { "(a", "missing closing ): `(a`" },
    { "a)", "unexpected ): `a)`" },
    { "a[b", "missing closing ]: `[b`" },
    { "[]", "missing closing ]: `[]`" },
    { "[^]", "missing closing ]: `[^]`" },
    { "[a-", "missing closing ]: `[a-`" },
    { "[b-a]", "invalid character class range: `b-a`" },
    { [=[[a-\d]]=], [[invalid escape sequence: `\d`]] },
    { "[[:foo:]]", "invalid character class range: `[:foo:]`" },
    { "[[:d:]]", "invalid character class range: `[:d:]`" },
    { [[\p{Foo}]], [[invalid character class range: `\p{Foo}`]] },
    { [[\p{greek}]], [[invalid character class range: `\p{greek}`]] },
    { [[\p{Grek}]], [[invalid character class range: `\p{Grek}`]] },
    { [[\p{L&}]], [[invalid character class range: `\p{L&}`]] },
    { [[\p{sc:Greek}]], [[invalid character class range: `\p{sc:Greek}`]] },
    { [[\p{Old Italic}]], [[invalid character class range: `\p{Old Italic}`]] },
    { [[\p{}]], [[invalid character class range: `\p{}`]] },
    { [[\pX]], [[invalid character class range: `\pX`]] },
    { [[\p{Greek]], [[invalid character class range: `\p{Greek`]] },
    { [[a\p]], [[invalid character class range: `\p`]] },
    { [[\Z]], [[invalid escape sequence: `\Z`]] },
    { [[\C]], [[invalid escape sequence: `\C`]] },
    { [[\G]], [[invalid escape sequence: `\G`]] },
    { [[\K]], [[invalid escape sequence: `\K`]] },
    { [[\R]], [[invalid escape sequence: `\R`]] },
    { [[\X]], [[invalid escape sequence: `\X`]] },
    { [[\h]], [[invalid escape sequence: `\h`]] },
    { [[\N]], [[invalid escape sequence: `\N`]] },
    { [[\E]], [[invalid escape sequence: `\E`]] },
    { [[\e]], [[invalid escape sequence: `\e`]] },
    { [[\cA]], [[invalid escape sequence: `\c`]] },
    { [[\k<n>]], [[invalid escape sequence: `\k`]] },
    { [[(a)\1]], [[invalid escape sequence: `\1`]] },
    { [[\8]], [[invalid escape sequence: `\8`]] },
    { [[\é]], [[invalid escape sequence: `\é`]] },
    { [=[[\b]]=], [[invalid escape sequence: `\b`]] },
    { [[\x]], [[invalid escape sequence: `\x`]] },
    { [[\x4]], [[invalid escape sequence: `\x4`]] },
    { [[\xg1]], [[invalid escape sequence: `\xg1`]] },
    { [[\x{}]], [[invalid escape sequence: `\x{}`]] },
    { [[\x{110000}]], [[invalid escape sequence: `\x{110000`]] },
    { [[a\]], "trailing backslash at end of expression: ``" },
    { "a\255", [[invalid UTF-8: `a\xff`]] },
    { "\237\160\128", [[invalid UTF-8: `\xed\xa0\x80`]] }, -- a surrogate
    { ("("):rep(251) .. (")"):rep(251), "expression nests too deeply: `" .. ("("):rep(251) .. (")"):rep(251) .. "`" },
  } do
    local pattern, what = case[1], case[2]
    it(("such as %.20q is refused"):format(pattern), function()
      assert.matches("': error parsing regexp: " .. what, refusal_of(pattern), 1, true)
    end)
  end

  it("may nest 250 groups", function()
    assert.is_true(regex.compile(("("):rep(250) .. "a" .. (")"):rep(250)):matches "a")
  end)

  it("may repeat to and fro up to 1000 times", function()
    assert.equal("accepted", refusal_of "((a{10}){10}){10}")
    assert.equal("accepted", refusal_of "(a{1000}){1}b{1000}")
    assert.equal("accepted", refusal_of "((a{1000}){0}){1000}")
    assert.is_true(regex.compile "^a{1000}$":matches(("a"):rep(1000)))
  end)
end)

-- pattern, texts that match, texts that do not
local MEANINGS = {
  ["the dot"] = { "^a.b$", { "axb", "aéb", "a\255b", "a\rb" }, { "a\nb", "ab", "axxb" } },
  ["the dot with (?s)"] = { "(?s)^a.b$", { "a\nb" }, { "ab" } },
  ["the end without (?m)"] = { "a$", { "a", "ba" }, { "a\n", "a\nb" } },
  ["the end with (?m)"] = { "(?m)a$", { "a\nb", "a\n" }, { "a\r\n", "ab" } },
  ["the start without (?m)"] = { "^a", { "ab" }, { "\na" } },
  ["the start with (?m)"] = { "(?m)^a", { "b\na", "a" }, { "\ra", "ba" } },
  ["the start of the line behind the last one"] = { "(?m)\n^$", { "a\n" }, { "a" } },
  ["\\A and \\z"] = { "(?m)\\Aa\\z", { "a" }, { "a\n", "b\na" } },
  ["\\d"] = { "^\\d$", { "0" }, { "٣", "a" } },
  ["\\s"] = { "^\\s$", { " ", "\t", "\n", "\f", "\r" }, { "\v", "\194\160" } },
  ["\\S"] = { "^\\S$", { "\v", "é" }, { " " } },
  ["\\w"] = { "^\\w$", { "a", "Z", "_", "9" }, { "é", "-", "ſ" } },
  ["\\w with (?i)"] = { "(?i)^\\w$", { "ſ", "\226\132\170" }, { "é" } },
  ["\\W with (?i)"] = { "(?i)^\\W$", { "é", "-" }, { "ſ", "\226\132\170", "s", "k" } },
  ["\\W in a set with (?i)"] = { "(?i)^[\\W]$", { "é" }, { "ſ", "S", "K" } },
  ["\\b"] = { "\\bcar\\b", { "a car", "car", "écaré" }, { "cars", "_car" } },
  ["\\B"] = { "a\\Bb", { "ab" }, { "a b" } },
  ["case folding"] = { "(?i)straSSe k", { "STRAsse K", "\197\191tra\197\191\197\191e \226\132\170" }, { "straße k" } },
  ["case folding in a group"] = { "^a(?i:b)c$", { "abc", "aBc" }, { "Abc", "aBC" } },
  ["case folding to the end of the group"] = { "^(a(?i)b|c)d$", { "aBd", "Cd" }, { "ABd", "aBD" } },
  ["case folding that is asked for again"] = { "^(?i:a)(?i)b$", { "AB", "ab" }, { "ba" } },
  ["case folding off"] = { "(?i)a(?-i)b", { "Ab" }, { "AB" } },
  ["a flag between an atom and its operator"] = { "^a(?i)*b$", { "aaB", "b" }, { "Ab" } },
  ["an operator on an operator's result"] = { "^a{2}(?i){2}$", { "aaaa" }, { "aa", "aaa" } },
  ["a negated set"] = { "^[^a]$", { "b", "\n", "é", "\255" }, { "a", "" } },
  ["a set that begins with a bracket"] = { "^[]a]$", { "]", "a" }, { "[" } },
  ["a set with a dash at its ends"] = { "^[-a-]$", { "-", "a" }, { "b" } },
  ["a set with a dash in the middle"] = { "^[a-c-e]$", { "-", "b", "e" }, { "d" } },
  ["a set with a bracket and a colon"] = { "^[[:a]$", { "[", ":" }, { "]" } },
  ["a set of negated classes"] = { "^[\\D\\S]$", { "1", " " }, { "" } },
  ["ASCII classes"] = { "^[[:alpha:][:^print:]]$", { "a", "Z", "\n", "é" }, { "1", " " } },
  ["[[:word:]]"] = { "^[[:word:]]$", { "_" }, { "é" } },
  ["[[:upper:]] with (?i)"] = { "(?i)^[[:upper:]]$", { "a", "ſ" }, { "1" } },
  ["[[:^upper:]] with (?i)"] = { "(?i)^[[:^upper:]]$", { "1" }, { "a", "A", "ſ" } },
  ["[[:space:]]"] = { "^[[:space:]]$", { "\v" }, { "\194\160" } },
  ["a category"] = { "^\\pN$", { "1", "٣" }, { "a" } },
  ["a category in braces, negated twice"] = { "^\\P{^Lu}$", { "A", "É" }, { "a" } },
  ["\\pC"] = { "^\\pC$", { "\n" }, { "\205\184", "a" } }, -- U+0378 is not assigned
  ["\\PC"] = { "^[\\PC]$", { "\205\184", "a" }, { "\n" } },
  ["a script"] = { "^\\p{Greek}$", { "α" }, { "a", "\205\130" } }, -- U+0342 is used with it, and not of it
  ["\\P{Any}"] = { "a|\\P{Any}", { "a" }, { "b" } },
  ["\\p{Lu} with (?i)"] = { "(?i)^\\p{Lu}$", { "a", "A" }, { "1" } },
  ["octal escapes"] = { "^\\101\\0\\012$", { "A\0\n" }, { "A" } },
  ["hexadecimal escapes"] = { "^\\x41\\x{e9}\\x{10FFFF}$", { "Aé\244\143\191\191" }, { "Ae" } },
  ["control characters"] = { "^\\a\\f\\t\\n\\r\\v$", { "\a\f\t\n\r\v" }, { "" } },
  ["a surrogate, which no text has"] = { "a|\\x{D800}", { "a" }, { "\237\160\128", "" } },
  ["a set of surrogates"] = { "a|[\\x{D800}-\\x{DFFF}]+", { "a" }, { "b" } },
  ["all but surrogates"] = { "^[^\\x{D800}]$", { "a", "\n" }, { "" } },
  ["escaped punctuation"] = { [[^\.\_\-\/\<\{\#\ $]], { "._-/<{# " }, { "" } },
  ["\\Q to \\E"] = { [[^\Qa.*[\E+$]], { "a.*[", "a.*[[[" }, { "ab" } },
  ["\\Q to the end"] = { [[\Q(?=]], { "(?=" }, { "" } },
  ["an operator behind an empty \\Q\\E"] = { [[^ab\Q\E*$]], { "a", "abb" }, { "abab" } },
  ["an assertion that is repeated"] = { "^*\\b+a$*", { "a" }, { "b" } },
  ["braces that are no count"] = { "^{a{,2}b{x{01}$", { "{a{,2}b{x{01}" }, { "aa" } },
  ["counts"] = { "^a{2}b{1,2}c{2,}d{0}$", { "aabcc", "aabbccc" }, { "abcc", "aabc", "aabccd" } },
  ["operators that prefer fewer"] = { "^a+?b*?c??d{1,2}?$", { "ad", "aabbcdd" }, { "d" } },
  ["(?U)"] = { "(?U)^a+b*?$", { "aab" }, { "b" } },
  ["nothing at all"] = { "", { "", "a" }, {} },
  ["empty alternatives"] = { "^(|a)+(b|)$", { "", "ab", "aa" }, { "ba" } },
  ["names"] = { "^(?P<n>a)(?<m>b)(?P<n>c)$", { "abc" }, { "a" } },
  ["flags that change nothing"] = { "(?)(?:a)(?i-i)", { "a" }, { "A" } },
  ["spaces and number signs"] = { "a b#c", { "a b#c" }, { "ab" } },
  ["a replacement character"] = { "^\\x{FFFD}$", { "\255", "\239\191\189", "\195" }, { "a" } },
}

describe("the meaning of", function()
  for what, case in pairs(MEANINGS) do
    it(what .. " is RE2's", function()
      local compiled = assert(regex.compile(case[1]))
      for _, text in ipairs(case[2]) do
        assert.is_true(compiled:matches(text), ("%q has a match in %q"):format(case[1], text))
      end
      for _, text in ipairs(case[3]) do
        assert.is_false(compiled:matches(text), ("%q has no match in %q"):format(case[1], text))
      end
    end)
  end
end)
