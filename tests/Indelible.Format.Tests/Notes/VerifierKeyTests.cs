using System.Text.Json;
using Indelible.Format.Notes;
using Indelible.Format.Tests.Vectors;

namespace Indelible.Format.Tests.Notes;

public sealed class VerifierKeyTests
{
    private const string Text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    [Fact]
    public void The_text_form_is_read_and_written_back()
    {
        Assert.Equal(TextFault.None, VerifierKey.Parse(Text, out VerifierKey? key));
        Assert.Equal(Text, key!.ToString());
        Assert.Equal("PeterNeumann", key.Name);
        Assert.Equal(0xc74f20a3u, key.Id);
        Assert.Equal(VerifierKey.Ed25519Type, key.Type);
    }

    [Fact]
    public void A_seed_gives_the_key_that_Go_gives()
    {
        byte[] seed = Convert.FromBase64String("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1..];
        using NoteSigner signer = NoteSigner.FromSeed("PeterNeumann", seed);
        Assert.Equal(Text, signer.VerifierKey.ToString());
    }

    [Fact]
    public void Every_proper_substring_and_every_changed_byte_is_refused()
    {
        for (int start = 0; start < Text.Length; start++)
            for (int end = start; end <= Text.Length; end++)
                if (end - start < Text.Length) Assert.False(VerifierKey.Parse(Text[start..end], out _).IsNone, Text[start..end]);
        for (int i = 0; i < Text.Length; i++)
        {
            char[] changed = Text.ToCharArray();
            changed[i]++;
            Assert.False(VerifierKey.Parse(new string(changed), out VerifierKey? key).IsNone, new string(changed));
            Assert.Null(key);
        }
    }

    [Fact]
    public void Shared_bad_keys_are_refused()
    {
        foreach (JsonElement text in SharedVectors.Derived("signed-note.json").GetProperty("badVkeys").EnumerateArray())
            Assert.False(VerifierKey.Parse(text.GetString()!, out _).IsNone);
    }

    [Fact]
    public void Wycheproof_signatures_are_judged_as_it_demands()
    {
        JsonElement vectors = SharedVectors.Read(Path.Combine(SharedVectors.Folder("wycheproof"), "ed25519_test.json"));
        int cases = 0;
        foreach (JsonElement group in vectors.GetProperty("testGroups").EnumerateArray())
        {
            byte[] publicKey = Convert.FromHexString(group.GetProperty("publicKey").GetProperty("pk").GetString()!);
            VerifierKey key = VerifierKey.Create("wycheproof", VerifierKey.Ed25519Type, publicKey);
            foreach (JsonElement test in group.GetProperty("tests").EnumerateArray())
            {
                bool holds = key.Verify(Convert.FromHexString(test.GetProperty("msg").GetString()!),
                    Convert.FromHexString(test.GetProperty("sig").GetString()!));
                Assert.True(holds == (test.GetProperty("result").GetString() == "valid"), test.ToString());
                cases++;
            }
        }
        Assert.Equal(vectors.GetProperty("numberOfTests").GetInt32(), cases);
    }

    [Theory]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("0100000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")]
    [InlineData("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")]
    public void No_signature_holds_under_a_key_of_small_order(string publicKey)
    {
        // R = neutral element, S = 0 verifies for every message under such a key where the check is missing.
        byte[] signature = [1, .. new byte[63]];
        byte[] bytes = Convert.FromHexString(publicKey);
        bool holds = false;
        try
        {
            holds = VerifierKey.Create("small", VerifierKey.Ed25519Type, bytes).Verify("any text\n"u8, signature);
        }
        catch (FormatException)
        {
            // Refused at import: as good.
        }
        Assert.False(holds);
    }
}
