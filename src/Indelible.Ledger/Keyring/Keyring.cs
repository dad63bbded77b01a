using System.Buffers.Binary;
using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>The secrets of one ledger: signing key, subject keys, and what tokens are computed with.
/// One process at a time; every member may be called concurrently.</summary>
/// <remarks>Memory: see <see cref="SubjectStore"/> and <see cref="RecentSubjects"/>;
/// under 100 MiB however many subjects there are.</remarks>
public sealed partial class Keyring : IDisposable
{
    private const uint FirstEpoch = 1;

    /// <summary>Keys whose ids begin alike. Nonces are made of ids: of so many, 72 random bits repeat as rarely as 96 of
    /// all keys (docs/decisions/0024).</summary>
    private const int ClusterMax = 1024;

    private readonly Lock _lock = new();
    private readonly string _directory;
    private readonly KeyWrap _wrap;
    private readonly SubjectStore _store;
    private readonly RecentSubjects _recent = new();
    private readonly RandomBlock _random = new();
    private uint _cluster = BitConverter.ToUInt32(RandomNumberGenerator.GetBytes(sizeof(uint)));
    private int _clusterCount;
    private readonly KeyedHash _subjectTag;
    private readonly KeyedHash _rowKeyToken;
    private readonly KeyedHash _blindToken;
    private readonly byte[] _journalHmacKey;
    private KeyringFile _file;

    private Keyring(string directory, KeyringFile file, KeyWrap wrap, SubjectStore store)
    {
        _directory = directory;
        _file = file;
        _wrap = wrap;
        _store = store;
        byte[] seed = Secret(KeyringSecrets.SigningSeed);
        _journalHmacKey = Secret(KeyringSecrets.JournalHmac);
        LedgerKeys = new LedgerKeys
        {
            Signer = NoteSigner.FromSeed(file.Origin, seed),
            JournalHmacKey = _journalHmacKey,
            Guard = new Guard(directory),
        };
        CryptographicOperations.ZeroMemory(seed);
        _subjectTag = new KeyedHash(Secret(KeyringSecrets.SubjectTag));
        _rowKeyToken = new KeyedHash(Secret(KeyringSecrets.RowKeyToken));
        _blindToken = new KeyedHash(Secret(KeyringSecrets.BlindToken));
        if (VerifierKey != file.VerifierKey) throw KeyringFile.Damaged(FilePath, $"its signing key is not that of {file.VerifierKey}");
    }

    /// <summary>The ledger's origin.</summary>
    public string Origin => _file.Origin;

    /// <summary>The ledger's verifier key, as text.</summary>
    public string VerifierKey => LedgerKeys.Signer.VerifierKey.ToString();

    /// <summary>What the ledger's writer needs; lives as long as this keyring.</summary>
    public LedgerKeys LedgerKeys { get; }

    private string FilePath => Path.Combine(_directory, KeyringFile.FileName);

    /// <summary>True if there is a keyring in the directory.</summary>
    public static bool Exists(string directory) => Path.Exists(Path.Combine(directory, KeyringFile.FileName));

    /// <summary>Makes a keyring with fresh secrets. Durable when it returns.</summary>
    /// <exception cref="IndelibleException">Usage: there is a keyring already, or keys without their file.</exception>
    public static Keyring Create(string directory, string origin, MasterKey masterKey)
    {
        if (Exists(directory))
            throw new IndelibleException(ExitCode.Usage, $"expected no keyring in {directory}, found one: keys are never replaced");
        DurableFile.MakeSecretDirectory(directory);
        SubjectStore store = SubjectStore.Open(StorePath(directory, FirstEpoch), create: true);
        KeyWrap wrap = new(masterKey, origin, FirstEpoch);
        try
        {
            if (!store.IsEmpty())
                throw KeyringFile.Damaged(Path.Combine(directory, KeyringFile.FileName), "it is gone, and subject keys are still there");
            KeyringFile file = NewFile(origin, masterKey, wrap);
            Keyring keyring = new(directory, file, wrap, store);
            keyring.Save(file);
            return keyring;
        }
        catch
        {
            wrap.Dispose();
            store.Dispose();
            throw;
        }
    }

    /// <summary>Checks a keyring that another process may have open: its version, its own checksum,
    /// and that this is its master key.</summary>
    /// <returns>The ledger's origin.</returns>
    /// <exception cref="IndelibleException">As for <see cref="Open"/>.</exception>
    public static string Check(string directory, MasterKey masterKey)
    {
        KeyringFile file = Load(directory);
        file.CheckMasterKey(masterKey, directory);
        return file.Origin;
    }

    /// <summary>What the ledger's writer needs, of a keyring that another process may have open.</summary>
    /// <exception cref="IndelibleException">As for <see cref="Open"/>.</exception>
    internal static LedgerKeys ReadLedgerKeys(string directory, MasterKey masterKey)
    {
        KeyringFile file = Load(directory);
        file.CheckMasterKey(masterKey, directory);
        string path = Path.Combine(directory, KeyringFile.FileName);
        using KeyWrap wrap = new(masterKey, file.Origin, file.Epoch);
        byte[] seed = KeyringSecrets.Unwrap(wrap, file, KeyringSecrets.SigningSeed, path);
        LedgerKeys keys = new()
        {
            Signer = NoteSigner.FromSeed(file.Origin, seed),
            JournalHmacKey = KeyringSecrets.Unwrap(wrap, file, KeyringSecrets.JournalHmac, path),
            Guard = new Guard(directory),
        };
        CryptographicOperations.ZeroMemory(seed);
        return keys;
    }

    /// <summary>Opens a keyring and holds it until disposed.</summary>
    /// <exception cref="IndelibleException">Usage: none there, or a wrong master key.
    /// Environment: damaged, or in use by another process.</exception>
    public static Keyring Open(string directory, MasterKey masterKey)
    {
        KeyringFile file = Load(directory);
        file.CheckMasterKey(masterKey, directory);
        SubjectStore store = SubjectStore.Open(StorePath(directory, file.Epoch), create: false);
        KeyWrap wrap = new(masterKey, file.Origin, file.Epoch);
        try
        {
            return new Keyring(directory, file, wrap, store);
        }
        catch
        {
            wrap.Dispose();
            store.Dispose();
            throw;
        }
    }

    /// <summary>A new key for a subject that begins now, such as an inserted row; replaces the current one, which stays readable by its id.
    /// Durable after <see cref="Commit"/>.</summary>
    public SubjectKey CreateSubject(in SubjectName name)
    {
        UInt128 tag = TagOf(name);
        lock (_lock) return Make(tag);
    }

    /// <summary>The subject's current key; a new one if it has none or its key was destroyed. Durable after <see cref="Commit"/>.</summary>
    public SubjectKey GetOrCreateSubject(in SubjectName name)
    {
        UInt128 tag = TagOf(name);
        lock (_lock) return GetOrMake(tag);
    }

    /// <summary>The current key of a row whose primary key changed: kept from its previous name and current under the new one.
    /// Durable after <see cref="Commit"/>.</summary>
    public SubjectKey MoveSubject(in SubjectName previous, in SubjectName name)
    {
        UInt128 previousTag = TagOf(previous), tag = TagOf(name);
        lock (_lock)
        {
            SubjectKey key = GetOrMake(previousTag);
            _store.AddSubject(tag, key.Id);
            Remember(tag, key);
            return key;
        }
    }

    /// <summary>Finds a durable key by its id; false if it was destroyed or never made here.</summary>
    /// <exception cref="IndelibleException">Environment: the record is there and damaged.</exception>
    public bool TryGetKey(KeyId id, out SubjectKey key)
    {
        lock (_lock) return TryRead(id, out key);
    }

    /// <summary>Every key handed out so far survives a crash when this returns: call it before the entries that use them are sealed.
    /// One synced write; none if nothing is new.</summary>
    public void Commit()
    {
        lock (_lock) _store.Commit();
    }

    /// <summary>Destroys a key, durably: what was sealed under it stays unreadable.
    /// Final once backups of the keyring are gone too.</summary>
    public void Destroy(KeyId id)
    {
        lock (_lock)
        {
            _store.Remove(id);
            _recent.Clear();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            LedgerKeys.Signer.Dispose();
            _recent.Clear();
            _wrap.Dispose();
            _store.Dispose();
            CryptographicOperations.ZeroMemory(_journalHmacKey);
        }
    }

    private SubjectKey GetOrMake(UInt128 tag)
    {
        if (_recent.TryGet(tag, out SubjectKey key, out bool isOld))
        {
            if (isOld) Remember(tag, key);
            return key;
        }
        if (!_store.TryFindSubject(tag, out KeyId id) || !TryRead(id, out key)) return Make(tag);
        Remember(tag, key);
        return key;
    }

    private void Remember(UInt128 tag, in SubjectKey key)
    {
        if (_recent.IsFull) _store.WriteBuffered();
        _recent.Set(tag, key);
    }

    private SubjectKey Make(UInt128 tag)
    {
        Span<byte> key = stackalloc byte[SubjectKey.Size];
        KeyId id = NewId();
        _random.Take(SubjectKey.Size).CopyTo(key);
        Span<byte> record = stackalloc byte[SubjectStore.RecordSize];
        BinaryPrimitives.WriteUInt32BigEndian(record, _wrap.Epoch);
        _wrap.Wrap(id, default, key, record[sizeof(uint)..]);
        _store.Add(tag, id, record);
        SubjectKey made = new(id, key);
        Remember(tag, made);
        CryptographicOperations.ZeroMemory(key);
        return made;
    }

    /// <summary>Keys made one after the other lie beside each other on disk, and are asked for together later:
    /// the first 24 bits count clusters, from anywhere, the other 104 are random.</summary>
    private KeyId NewId()
    {
        if (++_clusterCount > ClusterMax) (_cluster, _clusterCount) = (unchecked(_cluster + 1), 1);
        UInt128 random = BinaryPrimitives.ReadUInt128BigEndian(_random.Take(KeyId.Size));
        return new KeyId(((UInt128)_cluster << 104) | (random & ((UInt128.One << 104) - 1)));
    }

    private bool TryRead(KeyId id, out SubjectKey key)
    {
        key = default;
        Span<byte> record = stackalloc byte[SubjectStore.RecordSize];
        if (!_store.TryFindKey(id, record)) return false;
        uint epoch = BinaryPrimitives.ReadUInt32BigEndian(record);
        Span<byte> bytes = stackalloc byte[SubjectKey.Size];
        if (epoch != _wrap.Epoch || !_wrap.TryUnwrap(id, default, record[sizeof(uint)..], bytes))
        {
            throw new IndelibleException(ExitCode.Environment,
                $"the record of key {id} in {StorePath(_directory, Epoch)} is damaged: "
                    + $"it does not open under epoch {_wrap.Epoch} (its own: {epoch}); restore the keyring from its backup");
        }
        key = new SubjectKey(id, bytes);
        CryptographicOperations.ZeroMemory(bytes);
        return true;
    }

    private UInt128 TagOf(in SubjectName name)
    {
        HashInput input = new(stackalloc byte[256]);
        name.WriteTo(ref input);
        Span<byte> tag = stackalloc byte[SubjectStore.TagSize];
        _subjectTag.Compute(input.Written, tag);
        return BinaryPrimitives.ReadUInt128BigEndian(tag);
    }

    private byte[] Secret(string name) => KeyringSecrets.Unwrap(_wrap, _file, name, FilePath);

    private void Save(KeyringFile file)
    {
        DurableFile.ReplaceSecret(FilePath, file.ToBytes());
        _file = file;
    }

    private static KeyringFile NewFile(string origin, MasterKey masterKey, KeyWrap wrap)
    {
        SortedDictionary<string, WrappedSecret> secrets = new(StringComparer.Ordinal);
        string verifierKey = "";
        foreach (string name in KeyringSecrets.Standard)
        {
            byte[] secret = RandomNumberGenerator.GetBytes(SubjectKey.Size);
            secrets.Add(name, KeyringSecrets.Wrap(wrap, name, secret));
            if (name == KeyringSecrets.SigningSeed) verifierKey = VerifierKeyOf(origin, secret);
            CryptographicOperations.ZeroMemory(secret);
        }
        return new KeyringFile
        {
            Format = KeyringFile.FormatName,
            Version = KeyringFile.FormatVersion,
            Origin = origin,
            Epoch = FirstEpoch,
            VerifierKey = verifierKey,
            MasterKeyCheck = KeyringFile.CheckOf(masterKey, origin, FirstEpoch),
            Secrets = secrets,
        };
    }

    private static string VerifierKeyOf(string origin, ReadOnlySpan<byte> seed)
    {
        try
        {
            using NoteSigner signer = NoteSigner.FromSeed(origin, seed);
            return signer.VerifierKey.ToString();
        }
        catch (FormatException inner)
        {
            throw new IndelibleException(ExitCode.Usage, $"'{origin}' cannot be an origin: {inner.Message}", inner);
        }
    }

    private static KeyringFile Load(string directory)
    {
        string path = Path.Combine(directory, KeyringFile.FileName);
        byte[] json = DurableFile.TryReadAll(path, KeyringFile.LengthMax) ?? throw new IndelibleException(ExitCode.Usage,
            $"no keyring in {directory}: expected {path}; make one with 'indelible init', or restore its backup");
        return KeyringFile.Parse(json, path);
    }
}
