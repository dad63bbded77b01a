using System.Globalization;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger.Following;

/// <summary>A verified copy of a ledger on disk, and what is remembered of the ledger beside it.
/// One process holds it; one follower owns it.</summary>
/// <remarks><c>ledger/</c> is served as it is; <c>accepted</c> is the newest head that was ever accepted, stored or not;
/// <c>evidence/</c> proves misbehaviour.</remarks>
public sealed class LedgerCopy : IDisposable
{
    private const string AcceptedFile = "accepted", EvidenceDirectory = "evidence";
    private readonly string _root;
    private readonly SafeFileHandle _lock;

    private LedgerCopy(string root, VerifierKey key, SafeFileHandle copyLock)
    {
        (_root, Key, _lock) = (root, key, copyLock);
        LedgerDirectory = LedgerBelow(root);
        Reader = new LedgerReader(LedgerDirectory);
        Keys = Reader.ReadKeys(key);
    }

    /// <summary>The directory that is served: a ledger like any other.</summary>
    public string LedgerDirectory { get; }

    /// <summary>The ledger's verifier key, as it was given.</summary>
    public VerifierKey Key { get; }

    /// <summary>That key, with those that stored handovers link it with.</summary>
    public KeyHistory Keys { get; private set; }

    /// <summary>Reads what is stored.</summary>
    public LedgerReader Reader { get; }

    /// <summary>The head up to which everything is stored; null if nothing is.</summary>
    public SignedHead? Stored { get; private set; }

    /// <summary>The newest head that was accepted: consistent with every one before it.
    /// At least <see cref="Stored"/>; null if none was.</summary>
    public SignedHead? Accepted { get; private set; }

    /// <summary>Files that prove misbehaviour; empty if there are none. While there is one, nothing is followed.</summary>
    public IReadOnlyList<string> Evidence => EvidenceIn(_root);

    /// <summary>Where the served directory of a copy is.</summary>
    public static string LedgerBelow(string root) => Path.Combine(root, "ledger");

    /// <summary>Evidence that a copy holds, by its directory.</summary>
    public static IReadOnlyList<string> EvidenceIn(string root) =>
        Path.Combine(root, EvidenceDirectory) is var directory && Directory.Exists(directory)
            ? [.. Directory.EnumerateFiles(directory, "*.misbehaviour").Order(StringComparer.Ordinal)]
            : [];

    /// <summary>Opens a copy, or makes an empty one; takes its lock.</summary>
    /// <exception cref="IndelibleException">Usage: it is of another ledger. Environment: another process holds it.</exception>
    /// <exception cref="LedgerCorruptException">What is stored does not lead to the head it states.</exception>
    public static LedgerCopy Open(string directory, VerifierKey key)
    {
        string root = Path.GetFullPath(directory);
        DurableFile.MakeDirectory(LedgerBelow(root));
        SafeFileHandle copyLock = DurableFile.TryLockDirectory(LedgerBelow(root))
            ?? throw new IndelibleException(ExitCode.Environment,
                $"the copy in {root} is held by another process: a copy has one writer. Stop that process, "
                    + "or name another directory") { IsBusy = true };
        try
        {
            var copy = new LedgerCopy(root, key, copyLock);
            copy.Load();
            return copy;
        }
        catch
        {
            copyLock.Dispose();
            throw;
        }
    }

    /// <summary>Root of the stored tree's first entries.</summary>
    public Hash RootAt(long size) => Tree.Root(size, new TileNodes(Stored!.Size, Reader.ReadTile).Read);

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    /// <summary>Remembers a head, consistent with every one before; durable when it returns.</summary>
    internal void Accept(SignedHead head)
    {
        DurableFile.Replace(Path.Combine(_root, AcceptedFile), head.Note.ToBytes());
        Accepted = head;
    }

    /// <summary>Stores handovers, which link the key with others; durable when it returns.</summary>
    internal void Learn(KeyHistory keys)
    {
        using (ImmutableFiles files = new(LedgerDirectory, "handover"))
        {
            foreach (Handover handover in keys.Handovers) files.Stage(Handover.PathOf(handover.Checkpoint.Size), handover.Note.ToBytes());
            files.Commit();
        }
        Keys = keys;
    }

    /// <summary>Shows a head whose files are all stored; durable when it returns.</summary>
    internal void Store(SignedHead head)
    {
        DurableFile.Replace(Path.Combine(LedgerDirectory, LedgerFiles.Checkpoint), head.Note.ToBytes());
        Stored = head;
    }

    /// <summary>Keeps evidence; durable when it returns. Returns its path. A file that is there is left as it is.</summary>
    internal string Keep(Misbehaviour evidence, long olderSize, long newerSize)
    {
        string directory = Path.Combine(_root, EvidenceDirectory);
        string path = Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{olderSize}-{newerSize}.misbehaviour"));
        DurableFile.MakeDirectory(directory);
        if (!Path.Exists(path)) DurableFile.Replace(path, evidence.ToBytes());
        return path;
    }

    private void Load()
    {
        ImmutableFiles.CleanUp(LedgerDirectory);
        Stored = Read(Path.Combine(LedgerDirectory, LedgerFiles.Checkpoint));
        Accepted = Read(Path.Combine(_root, AcceptedFile)) ?? Stored;
        if (Stored is { } stored && RootAt(stored.Size) != stored.Root)
        {
            throw new LedgerCorruptException(Path.Combine(LedgerDirectory, "tile"), 0,
                $"expected tiles that lead to the root {stored.Root} of the stored size {stored.Size}, found others: "
                    + "this copy's disk is damaged, or somebody changed it");
        }
    }

    private SignedHead? Read(string path)
    {
        if (DurableFile.TryReadAll(path, SignedNote.LengthMax) is not { } bytes) return null;
        TextFault fault = SignedHead.Read(bytes, Keys, out SignedHead? head);
        if (fault.IsNone) return head;
        throw new IndelibleException(ExitCode.Usage,
            $"{path}: expected a head of the ledger whose key is {Key}: {fault}. Is {_root} the copy of another ledger? "
                + "Name another directory, or the key this copy was made with");
    }
}
