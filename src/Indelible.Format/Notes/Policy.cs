namespace Indelible.Format.Notes;

/// <summary>Whom a verifier believes: known ledgers, known witnesses, and how many of these must have cosigned.
/// c2sp.org/tlog-policy.</summary>
public sealed class Policy
{
    /// <summary>The longest policy that is read, in bytes.</summary>
    public const int LengthMax = 1 << 20;
    /// <summary>The most ledgers, and the most witnesses, and the most groups.</summary>
    public const int NamesMax = 1024;
    /// <summary>Stands for a quorum that asks for no cosignature.</summary>
    public const string NoQuorum = "none";

    private readonly Dictionary<string, PolicyMember> _members;
    private readonly string _quorum;

    internal Policy(IReadOnlyList<VerifierKey> ledgers, Dictionary<string, PolicyMember> members, string quorum)
    {
        Ledgers = ledgers;
        _members = members;
        _quorum = quorum;
    }

    /// <summary>Keys of the known ledgers; a key's name is its ledger's origin.
    /// May be empty: then any ledger would do, and none is accepted here.</summary>
    public IReadOnlyList<VerifierKey> Ledgers { get; }

    /// <summary>Keys of the known witnesses.</summary>
    public IEnumerable<VerifierKey> Witnesses => _members.Values.OfType<PolicyMember.Witness>().Select(witness => witness.Key);

    /// <summary>The known witnesses with the address that each is asked at (submission prefix); null for one without.</summary>
    public IEnumerable<(string Name, VerifierKey Key, string? Address)> WitnessAddresses =>
        _members.Where(member => member.Value is PolicyMember.Witness)
            .Select(member => (member.Key, ((PolicyMember.Witness)member.Value).Key, ((PolicyMember.Witness)member.Value).Address));

    /// <summary>True if cosignatures are asked for.</summary>
    public bool AsksForCosignatures => _quorum != NoQuorum;

    /// <summary>The policy of someone who knows one ledger's key and no witness.</summary>
    public static Policy ForKey(VerifierKey ledgerKey) => ForKeys([ledgerKey]);

    /// <summary>The policy of someone who knows these ledgers' keys and no witness.</summary>
    internal static Policy ForKeys(IReadOnlyList<VerifierKey> ledgerKeys) => new(ledgerKeys, [], NoQuorum);

    /// <summary>The same with the keys that these histories say may sign a head of this size, in place of those known.</summary>
    internal Policy At(long size, IEnumerable<KeyHistory> histories) =>
        new([.. histories.SelectMany(history => history.At(size)).Distinct()], _members, _quorum);

    /// <summary>Reads a policy; <paramref name="policy"/> is null exactly if a fault is returned, which names the line.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out Policy? policy) => PolicyReader.Read(bytes, out policy);

    /// <summary>Checks a checkpoint: signed by the key of the ledger it names, and cosigned as the quorum asks.</summary>
    /// <param name="note">The signed checkpoint.</param>
    /// <param name="checkpoint">What its text says.</param>
    /// <param name="verified">The signatures that count; empty if a fault is returned.</param>
    public TextFault Check(SignedNote note, Checkpoint checkpoint, out IReadOnlyList<VerifiedSignature> verified)
    {
        verified = [];
        VerifierKey[] ledgers = [.. Ledgers.Where(key => key.Name == checkpoint.Origin)];
        if (ledgers.Length == 0)
        {
            string known = string.Join(", ", Ledgers.Select(key => key.Name));
            return new TextFault($"expected the origin of a known ledger ({known}), found '{checkpoint.Origin}'", 1);
        }
        TextFault fault = note.Verify([.. ledgers, .. Witnesses], out IReadOnlyList<VerifiedSignature> good);
        if (!fault.IsNone) return fault;
        if (!good.Any(signature => !signature.Key.IsCosigner))
            return new TextFault($"expected a signature by the ledger's key {ledgers[0]}, found none");
        HashSet<VerifierKey> cosigners = [.. good.Select(signature => signature.Key).Where(key => key.IsCosigner)];
        if (AsksForCosignatures && !Witnessed(_quorum, cosigners))
            return new TextFault($"expected the cosignatures that quorum '{_quorum}' asks for, found {cosigners.Count} by known witnesses");
        verified = good;
        return TextFault.None;
    }

    // Members are defined before they are used, so this ends.
    private bool Witnessed(string name, HashSet<VerifierKey> cosigners) => _members[name] switch
    {
        PolicyMember.Witness witness => cosigners.Contains(witness.Key),
        PolicyMember.Group group => group.Members.Count(member => Witnessed(member, cosigners)) >= group.Threshold,
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}

/// <summary>What a name in a policy stands for. A closed set.</summary>
internal abstract record PolicyMember
{
    private PolicyMember() { }

    /// <summary>One witness.</summary>
    public sealed record Witness(VerifierKey Key, string? Address) : PolicyMember;

    /// <summary>At least <paramref name="Threshold"/> of these.</summary>
    public sealed record Group(int Threshold, IReadOnlyList<string> Members) : PolicyMember;
}
