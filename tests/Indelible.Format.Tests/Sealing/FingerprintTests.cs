using Indelible.Format.Sealing;
using Xunit;

namespace Indelible.Format.Tests.Sealing;

public sealed class FingerprintTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(0, Fingerprint.KeySize).Select(i => (byte)i)];

    [Fact]
    public void It_is_SipHash_2_4_as_its_authors_computed_it()
    {
        byte[] message = [.. Enumerable.Range(0, 15).Select(i => (byte)i)];
        Assert.Equal(0xa129ca6149be45e5UL, Fingerprint.Of(Key, message).Bits);    // the paper's appendix A
    }

    [Fact]
    public void A_value_differs_from_other_values_from_NULL_and_under_another_key_but_not_from_what_is_unknown()
    {
        Fingerprint value = Fingerprint.Of(Key, "a"u8);
        Assert.False(value.MayBe(Fingerprint.Of(Key, "b"u8)));
        Assert.False(value.MayBe(Fingerprint.Of(new byte[Fingerprint.KeySize], "a"u8)));
        Assert.False(value.MayBe(Fingerprint.Null));
        Assert.False(Fingerprint.Of(Key, ""u8).MayBe(Fingerprint.Null));
        Assert.True(value.MayBe(Fingerprint.Of(Key, "a"u8)));
        Assert.True(value.MayBe(Fingerprint.Unknown));
        Assert.True(Fingerprint.Null.MayBe(Fingerprint.Null));
    }

    [Fact]
    public void A_key_of_another_length_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Fingerprint.Of(new byte[32], "a"u8));
}
