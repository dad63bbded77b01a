using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger.Following;

/// <summary>A witness's memory: for each known ledger the checkpoint it cosigned last, durable before the cosignature leaves.
/// Any thread; one process.</summary>
public sealed class Witness : IDisposable
{
    private readonly string _root;
    private readonly NoteSigner _signer;
    private readonly TimeProvider _time;
    private readonly SafeFileHandle _lock;
    private readonly Dictionary<string, WitnessedLog> _logs = new(StringComparer.Ordinal);

    private Witness(string root, NoteSigner signer, TimeProvider time, SafeFileHandle stateLock) =>
        (_root, _signer, _time, _lock) = (root, signer, time, stateLock);

    /// <summary>Origins of the known ledgers.</summary>
    public IReadOnlyCollection<string> Origins => _logs.Keys;

    /// <summary>Opens the memory, or makes an empty one; takes its lock.</summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="logs">The known ledgers: origin and key. A ledger may have several keys.</param>
    /// <param name="signer">Signs as this witness; the caller disposes it.</param>
    /// <param name="time">The clock of cosignatures.</param>
    /// <exception cref="IndelibleException">Environment: another process holds it.
    /// Finding: what is remembered is damaged, or not signed by the key given now.</exception>
    public static Witness Open(string directory, IEnumerable<(string Origin, VerifierKey Key)> logs, NoteSigner signer, TimeProvider time)
    {
        string root = Path.GetFullPath(directory);
        DurableFile.MakeDirectory(root);
        SafeFileHandle stateLock = DurableFile.TryLockDirectory(root)
            ?? throw new IndelibleException(ExitCode.Environment,
                $"the memory of the witness in {root} is held by another process: two could sign two histories. "
                    + "Stop that process") { IsBusy = true };
        var witness = new Witness(root, signer, time, stateLock);
        try
        {
            foreach (IGrouping<string, VerifierKey> log in logs.GroupBy(log => log.Origin, log => log.Key))
                witness._logs.Add(log.Key, new WitnessedLog(Path.Combine(root, HashOf(log.Key)), [.. log.Distinct()]));
            return witness;
        }
        catch
        {
            stateLock.Dispose();
            throw;
        }
    }

    /// <summary>SHA-256 of an origin in hex: its path below the monitoring prefix. c2sp.org/tlog-witness.</summary>
    public static string HashOf(string origin) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)));

    /// <summary>The checkpoint cosigned last of the ledger with this hash, with all its signatures; null if there is none.</summary>
    public byte[]? Latest(string originHash) => _logs.Values.FirstOrDefault(log => log.OriginHash == originHash)?.Latest?.Note.ToBytes();

    /// <summary>Decides about a request and, if it may, cosigns: what it signed is durable when it returns.
    /// Requests for one ledger come one after the other.</summary>
    /// <exception cref="IOException">The memory cannot be written: nothing is signed.</exception>
    /// <exception cref="IndelibleException">Environment: the clock is behind the last cosignature.</exception>
    public WitnessAnswer Add(ReadOnlySpan<byte> request)
    {
        // The ledger is known only once the request is read; whichever it is, nobody else decides about it meanwhile.
        lock (_lock)
        {
            WitnessVerdict verdict =
                WitnessRules.Decide(request, origin => _logs.GetValueOrDefault(origin)?.Keys ?? [], origin => _logs[origin].Latest);
            string? evidence = verdict.Evidence is { } proof ? Keep(_logs[verdict.Origin!], proof, verdict.Checkpoint!.Size) : null;
            if (verdict.Status != 200) return new WitnessAnswer(verdict.Status, verdict.Reason + "\n", verdict.Origin, evidence);
            WitnessedLog log = _logs[verdict.Origin!];
            NoteSignature signature = _signer.Cosign(verdict.Note!.Text, Now(log));
            log.Remember(verdict.Note with { Signatures = [.. verdict.Note.Signatures, signature] }, verdict.Checkpoint!);
            return new WitnessAnswer(200, signature + "\n", verdict.Origin, null);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private long Now(WitnessedLog log)
    {
        long now = _time.GetUtcNow().ToUnixTimeSeconds();
        if (log.Latest is { } latest && latest.Note.Verify([_signer.VerifierKey], out IReadOnlyList<VerifiedSignature> own).IsNone
            && own[0].Timestamp is { } before && now < before)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected the clock to be past {DateTimeOffset.FromUnixTimeSeconds(before):O}, when this witness signed last, "
                    + $"found {DateTimeOffset.FromUnixTimeSeconds(now):O}: set this machine's clock");
        }
        return now;
    }

    private string Keep(WitnessedLog log, Misbehaviour proof, long size)
    {
        string directory = Path.Combine(_root, "evidence", log.OriginHash);
        DurableFile.MakeDirectory(directory);
        string path = Path.Combine(
            directory, string.Create(CultureInfo.InvariantCulture, $"{log.Latest!.Value.Checkpoint.Size}-{size}.misbehaviour"));
        if (!Path.Exists(path)) DurableFile.Replace(path, proof.ToBytes());
        return path;
    }
}

/// <summary>What a witness answers.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">The cosignature line, the size cosigned last, or why not.</param>
/// <param name="Origin">The ledger, once its key is known to have signed; else null.</param>
/// <param name="Evidence">File that proves that the ledger signed two histories; null if nothing does.</param>
public sealed record WitnessAnswer(int Status, string Body, string? Origin, string? Evidence);

/// <summary>One known ledger. The witness's lock guards it.</summary>
internal sealed class WitnessedLog
{
    private readonly string _path;

    public WitnessedLog(string directory, IReadOnlyList<VerifierKey> keys)
    {
        (OriginHash, Keys, _path) = (Path.GetFileName(directory), keys, Path.Combine(directory, LedgerFiles.Checkpoint));
        DurableFile.MakeDirectory(directory);
        if (DurableFile.TryReadAll(_path, SignedNote.LengthMax) is not { } bytes) return;
        TextFault fault = Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint);
        if (fault.IsNone) fault = note!.Verify(keys, out _);
        if (!fault.IsNone)
        {
            throw new IndelibleException(ExitCode.Finding,
                $"{_path}: expected the checkpoint that this witness cosigned last, signed by {string.Join(" or ", keys)}: {fault}. "
                    + "Forgetting it would let the ledger rewrite its history: put the file, or the right key, back");
        }
        Latest = (note!, checkpoint!);
    }

    public string OriginHash { get; }

    public IReadOnlyList<VerifierKey> Keys { get; }

    public (SignedNote Note, Checkpoint Checkpoint)? Latest { get; private set; }

    /// <summary>Durable when it returns.</summary>
    public void Remember(SignedNote note, Checkpoint checkpoint)
    {
        DurableFile.Replace(_path, note.ToBytes());
        Latest = (note, checkpoint);
    }
}
