using System.Security.Cryptography;
using System.Text;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Format.Tests.Entries;

namespace Indelible.Format.Tests.Sealing;

/// <summary>What libsodium computes is what .NET computes from the text of docs/format.md.</summary>
public sealed class PrimitiveTests
{
    [Fact]
    public void Hashes_and_macs_agree_with_dotnet_at_every_length_up_to_300()
    {
        byte[] mine = new byte[32];
        for (int length = 0; length <= 300; length++)
        {
            byte[] message = RandomNumberGenerator.GetBytes(length);
            Sha2.Sha256(message, mine);
            Assert.Equal(SHA256.HashData(message), mine);
            new HmacKey(Some.SubjectKey).Mac(message, mine);
            Assert.Equal(HMACSHA256.HashData(Some.SubjectKey, message), mine);
            Assert.True(CompressAgrees(message));
        }
    }

    [Fact]
    public void Encryption_agrees_with_dotnet_at_every_length_up_to_300()
    {
        using var aes = new AesGcm(Some.SubjectKey, 16);
        byte[] nonce = new byte[12];
        for (int length = 0; length <= 300; length++)
        {
            byte[] message = RandomNumberGenerator.GetBytes(length);
            byte[] theirs = new byte[length + 16];
            byte[] mine = new byte[length + 16];
            byte[] back = new byte[length];
            aes.Encrypt(nonce, message, theirs.AsSpan(0, length), theirs.AsSpan(length), Some.Nonce);
            Aead.Encrypt(Some.SubjectKey, nonce, Some.Nonce, message, mine);
            Assert.Equal(theirs, mine);
            Assert.True(Aead.TryDecrypt(Some.SubjectKey, nonce, Some.Nonce, mine, back));
            Assert.Equal(message, back);
            mine[^1] ^= 1;
            Assert.False(Aead.TryDecrypt(Some.SubjectKey, nonce, Some.Nonce, mine, back));
        }
    }

    [Fact]
    public void A_side_key_is_HKDF_as_the_document_says()
    {
        byte[] headerHash = SHA256.HashData("header"u8);
        byte[] info = [.. "side-v1"u8, .. headerHash, 0, 0, 7, .. "straße"u8, 1];
        byte[] expected = HKDF.DeriveKey(HashAlgorithmName.SHA256, Some.SubjectKey, 32, Some.Nonce, info);
        byte[] sideKey = new byte[32];
        SideKey.Derive(Some.SubjectKey, Some.Nonce, headerHash, FieldScope.Column, "straße", Side.After, sideKey);
        Assert.Equal(expected, sideKey);
    }

    [Fact]
    public void A_sealed_field_is_what_the_document_says_step_by_step()
    {
        Entry entry = Some.Decode(Some.Seal(Some.ChangeHeader(), w => Some.Add(w, "name", Some.Text("Anna"), Some.Text("Berta"))));
        byte[] header = entry.HeaderBytes.ToArray();
        byte[] before = SideKeyOf(header, "name", 0);
        byte[] after = SideKeyOf(header, "name", 1);
        byte[] commitment = SHA256.HashData([.. "commitment-v1"u8, .. SHA256.HashData(before), .. SHA256.HashData(after)]);
        Assert.Equal(commitment, entry.Fields[0].Commitment.ToArray());

        byte[] plaintext = new byte[32];
        byte[] ciphertext = entry.Fields[0].After.Bytes.ToArray();
        using var aes = new AesGcm(after, 16);
        byte[] associated = [.. header, 0, 0, 4, .. "name"u8, 1];
        aes.Decrypt(new byte[12], ciphertext.AsSpan(0, 32), ciphertext.AsSpan(32), plaintext, associated);
        Assert.Equal((byte[])[1, 0, 0, 0, 5, .. "Berta"u8, .. new byte[22]], plaintext);
    }

    [Fact]
    public void A_padded_size_holds_the_value_wastes_at_most_an_eighth_and_is_its_own_size()
    {
        long last = 0;
        for (long length = 0; length < 200_000; length++)
        {
            long size = Padding.Padme(length);
            Assert.True(size >= length && size >= last && Padding.IsSize(size));
            Assert.True(size <= Math.Max(32, length + (length / 8)), $"{length} became {size}");
            last = size;
        }
    }

    /// <summary>Both engines give the same state, whatever this machine prefers.</summary>
    private static bool CompressAgrees(byte[] message)
    {
        Span<uint> preferred = stackalloc uint[Sha2.StateWords];
        Span<uint> sodium = stackalloc uint[Sha2.StateWords];
        Sha2.Start(preferred);
        Sha2.Start(sodium);
        ReadOnlySpan<byte> blocks = message.AsSpan(0, message.Length & ~63);
        Sha2.Compress(preferred, blocks);
        Sha2.CompressWithSodium(sodium, blocks);
        return preferred[..8].SequenceEqual(sodium[..8]);
    }

    private static byte[] SideKeyOf(byte[] header, string name, byte side) => HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Some.SubjectKey, 32, Some.Nonce,
        [.. "side-v1"u8, .. SHA256.HashData(header), 0, 0, (byte)name.Length, .. Encoding.UTF8.GetBytes(name), side]);
}
