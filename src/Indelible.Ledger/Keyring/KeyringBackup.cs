using System.Buffers.Binary;
using System.Security.Cryptography;
using Indelible.Format;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>A keyring in one file, every key still wrapped: useless without the master key, and refused if
/// anything in it was changed.</summary>
/// <remarks>Magic; length (4 bytes, big-endian) and content of keyring.json; key records; subject records; HMAC-SHA256 of all before it.
/// Records are written as 'K' id record, and 'S' tag id; their number follows from the file's length and their order is
/// that of their names.</remarks>
internal static class KeyringBackup
{
    private const byte KeyMark = (byte)'K';
    private const byte SubjectMark = (byte)'S';
    private const int KeyLength = 1 + KeyId.Size + SubjectStore.RecordSize;
    private const int SubjectLength = 1 + SubjectStore.TagSize + KeyId.Size;
    private const int MacSize = 32;
    private const int ChunkSize = 1 << 20;

    private static ReadOnlySpan<byte> Magic => "indelible keyring backup v1\n"u8;

    /// <summary>Writes the file; durable when it returns. Refuses to replace one.</summary>
    public static void Write(string path, KeyringFile file, SubjectStore store, ReadOnlySpan<byte> macKey)
    {
        if (Path.Exists(path))
            throw new IndelibleException(ExitCode.Usage, $"expected no file at {path}, found one: give the backup another name");
        string temporary = path + ".new";
        DurableFile.Delete(temporary);
        using (SafeFileHandle handle = DurableFile.CreateForWrite(temporary, DurableFile.SecretMode))
        using (IncrementalHash mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, macKey))
        {
            BackupChunk chunk = new(handle, temporary, mac);
            WriteStart(chunk, file.ToBytes());
            store.ReadAll(
                (id, record) => Record(chunk, KeyMark, id, record),
                (tag, id) => Record(chunk, SubjectMark, tag, id));
            chunk.Flush();
            DurableFile.Write(handle, temporary, mac.GetHashAndReset());
            DurableFile.Sync(handle, temporary);
        }
        if (!DurableFile.TryLink(temporary, path))
            throw new IndelibleException(ExitCode.Usage, $"expected no file at {path}, found one: give the backup another name");
        DurableFile.Delete(temporary);
        DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Reads and checks the start: the keyring's file.</summary>
    public static KeyringFile ReadFile(string path, out long recordsAt)
    {
        if (!Path.Exists(path)) throw new IndelibleException(ExitCode.Usage, $"expected a keyring backup at {path}, found no file");
        byte[] start = new byte[Magic.Length + sizeof(uint)];
        if (DurableFile.ReadAt(path, 0, start) != start.Length || !start.AsSpan(0, Magic.Length).SequenceEqual(Magic))
            throw NotBackup(path, "it does not begin like one");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(start.AsSpan(Magic.Length));
        if (length > KeyringFile.LengthMax) throw NotBackup(path, "its first part is too long");
        byte[] json = new byte[length];
        if (DurableFile.ReadAt(path, start.Length, json) != json.Length) throw NotBackup(path, "it is cut off");
        recordsAt = start.Length + json.Length;
        return KeyringFile.Parse(json, path);
    }

    /// <summary>Checks the whole file's HMAC.</summary>
    public static void Check(string path, ReadOnlySpan<byte> macKey)
    {
        long end = new FileInfo(path).Length - MacSize;
        using IncrementalHash mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, macKey);
        byte[] buffer = new byte[ChunkSize];
        for (long at = 0; at < end; at += buffer.Length)
        {
            int wanted = (int)Math.Min(buffer.Length, end - at);
            if (DurableFile.ReadAt(path, at, buffer.AsSpan(0, wanted)) != wanted)
                throw NotBackup(path, "it became shorter while being read");
            mac.AppendData(buffer, 0, wanted);
        }
        byte[] found = new byte[MacSize];
        if (end < 0 || DurableFile.ReadAt(path, end, found) != MacSize
            || !CryptographicOperations.FixedTimeEquals(mac.GetHashAndReset(), found))
        {
            throw NotBackup(path, "its content does not match its authentication code: it is cut off or was changed");
        }
    }

    /// <summary>Puts the records of a checked file into an empty store; durable when it returns.</summary>
    public static void Restore(string path, long recordsAt, SubjectStore store)
    {
        long end = new FileInfo(path).Length - MacSize;
        byte[] buffer = new byte[ChunkSize];
        for (long at = recordsAt; at < end;)
        {
            int length = DurableFile.ReadAt(path, at, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - at)));
            int used = RestoreChunk(buffer.AsSpan(0, length), store);
            if (used == 0) throw NotBackup(path, $"it holds no whole record at byte {at}");
            at += used;
        }
        store.Commit();
    }

    private static int RestoreChunk(ReadOnlySpan<byte> chunk, SubjectStore store)
    {
        int used = 0;
        for (; used < chunk.Length; used += RecordLength(chunk[used]))
        {
            int length = RecordLength(chunk[used]);
            if (length == 0 || used + length > chunk.Length) break;
            ReadOnlySpan<byte> record = chunk.Slice(used + 1, length - 1);
            if (length == KeyLength) store.AddKey(KeyId.Read(record[..KeyId.Size]), record[KeyId.Size..]);
            else store.AddSubject(BinaryPrimitives.ReadUInt128BigEndian(record), KeyId.Read(record[SubjectStore.TagSize..]));
        }
        return used;
    }

    private static int RecordLength(byte mark) => mark switch
    {
        KeyMark => KeyLength,
        SubjectMark => SubjectLength,
        _ => 0,
    };

    private static void WriteStart(BackupChunk chunk, ReadOnlySpan<byte> json)
    {
        Span<byte> length = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)json.Length);
        chunk.Add(Magic);
        chunk.Add(length);
        chunk.Add(json);
    }

    private static void Record(BackupChunk chunk, byte mark, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        chunk.Add([mark]);
        chunk.Add(name);
        chunk.Add(value);
    }

    private static IndelibleException NotBackup(string path, string why) =>
        new(ExitCode.Environment, $"expected a keyring backup in {path}: {why}; nothing was restored, use another backup");
}
