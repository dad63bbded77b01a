using System.Globalization;

namespace Indelible.Format.Notes;

/// <summary>Reads a policy line by line. The first fault ends it.</summary>
internal sealed class PolicyReader
{
    private readonly List<VerifierKey> _ledgers = [];
    private readonly Dictionary<string, PolicyMember> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly HashSet<string> _publicKeys = new(StringComparer.Ordinal);
    private string? _quorum;

    public static TextFault Read(ReadOnlySpan<byte> bytes, out Policy? policy)
    {
        policy = null;
        if (bytes.Length > Policy.LengthMax) return new TextFault($"expected at most {Policy.LengthMax} bytes, found {bytes.Length}");
        // Octets beyond ASCII are opaque; Latin-1 keeps them apart and takes nothing for a space.
        string[] lines = System.Text.Encoding.Latin1.GetString(bytes).Split('\n');
        var reader = new PolicyReader();
        for (int i = 0; i < lines.Length; i++)
        {
            string? rule = reader.ReadLine(lines[i]);
            if (rule is not null) return new TextFault(rule, i + 1);
        }
        if (lines[^1].Length > 0) return new TextFault("expected a newline at the end", lines.Length);
        if (reader._quorum is null) return new TextFault("expected a quorum line, found none");
        policy = new Policy(reader._ledgers, reader._members, reader._quorum);
        return TextFault.None;
    }

    private string? ReadLine(string line)
    {
        foreach (char c in line)
            if (c < ' ' && c != '\t' || c == '\x7f') return $"expected no control characters, found 0x{(int)c:x2}";
        string[] words = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words[0][0] == '#') return null;
        return words[0] switch
        {
            "log" => ReadLedger(words),
            "witness" => ReadWitness(words),
            "group" => ReadGroup(words),
            "quorum" => ReadQuorum(words),
            _ => $"expected log, witness, group or quorum, found '{words[0]}'",
        };
    }

    private string? ReadLedger(string[] words)
    {
        if (words.Length is not (2 or 3)) return "expected 'log <vkey> [<url>]'";
        string? rule = ReadKey(words[1], VerifierKey.Ed25519Type, "log", out VerifierKey? key);
        if (rule is not null) return rule;
        if (_ledgers.Count == Policy.NamesMax) return $"expected at most {Policy.NamesMax} logs";
        _ledgers.Add(key!);
        return null;
    }

    private string? ReadWitness(string[] words)
    {
        if (words.Length is not (3 or 4)) return "expected 'witness <name> <vkey> [<url>]'";
        string? rule = ReadKey(words[2], VerifierKey.CosignatureType, "witness", out VerifierKey? key);
        return rule ?? Define(words[1], new PolicyMember.Witness(key!, words.Length == 4 ? words[3] : null));
    }

    private string? ReadGroup(string[] words)
    {
        if (words.Length < 4) return "expected 'group <name> all|any|<k> <name>...'";
        string[] members = words[3..];
        foreach (string member in members)
        {
            if (!_members.ContainsKey(member)) return $"expected the name of a witness or group defined before, found '{member}'";
            if (!_used.Add(member)) return $"expected each name in at most one group and once, found '{member}' again";
        }
        long threshold = words[2] switch { "all" => members.Length, "any" => 1, _ => 0 };
        if (threshold == 0 && (!NoteText.TryParseNumber(words[2], members.Length, out threshold) || threshold < 1))
            return $"expected all, any or a number from 1 to {members.Length.ToString(CultureInfo.InvariantCulture)}, found '{words[2]}'";
        return Define(words[1], new PolicyMember.Group((int)threshold, members));
    }

    private string? ReadQuorum(string[] words)
    {
        if (words.Length != 2) return "expected 'quorum <name>'";
        if (_quorum is not null) return "expected one quorum line, found another";
        if (words[1] != Policy.NoQuorum && !_members.ContainsKey(words[1]))
            return $"expected the name of a witness or group defined before, found '{words[1]}'";
        _quorum = words[1];
        return null;
    }

    private string? Define(string name, PolicyMember member)
    {
        if (name == Policy.NoQuorum) return $"expected a name other than '{Policy.NoQuorum}'";
        if (_members.Count == 2 * Policy.NamesMax) return $"expected at most {2 * Policy.NamesMax} witnesses and groups";
        return _members.TryAdd(name, member) ? null : $"expected each name to be defined once, found '{name}' again";
    }

    private string? ReadKey(string text, byte type, string what, out VerifierKey? key)
    {
        // A key's name is UTF-8: undo the octet view.
        TextFault fault = VerifierKey.Parse(System.Text.Encoding.UTF8.GetString(System.Text.Encoding.Latin1.GetBytes(text)), out key);
        if (!fault.IsNone) return fault.Rule;
        if (key!.Type != type) return $"expected a {what} key of type {type}, found type {key.Type}";
        return _publicKeys.Add($"{what} {key.PublicKeyText}") ? null : $"expected each {what} once, found the key of '{key.Name}' again";
    }
}
