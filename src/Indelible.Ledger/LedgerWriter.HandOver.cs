using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Another signing key: the old one signs a last head, together with the new one.</summary>
public sealed partial class LedgerWriter
{
    /// <summary>Hands over to the keyring's next signing key at the head that is published then. Nothing else is published meanwhile, so the old key signs nothing greater. Durable when it returns.</summary>
    /// <param name="keyring">This ledger's keyring, with a next key.</param>
    /// <param name="cancellationToken">Stops waiting for a publication under way.</param>
    /// <returns>The handover.</returns>
    public async Task<Handover> HandOverAsync(Keyring keyring, CancellationToken cancellationToken)
    {
        await _publishing.WaitAsync(cancellationToken);
        try
        {
            if (_failure is not null) throw Failed(_failure);
            PublishSealed();
            using NoteSigner next = keyring.NextSigner() ?? throw new InvalidOperationException("expected a next signing key, found none");
            Handover handover = Handover.Sign(new LedgerReader(_paths.Ledger).ReadCheckpoint(), keyring.LedgerKeys.Signer, next);
            using (ImmutableFiles files = new(_paths.Ledger, "handover"))
            {
                files.Stage(Handover.PathOf(handover.Checkpoint.Size), handover.Note.ToBytes());
                files.Commit();
            }
            ShowKeys(_paths, keyring.LedgerKeys);                               // before anybody can have the new key, who could not find the old one by it
            keyring.TakeNextKey();                                              // from here on the new key signs: a start that finds the handover does the same
            Publisher.WriteHead(_paths, keyring.LedgerKeys, new GuardedHead(handover.Checkpoint.Size, handover.Checkpoint.Root));
            return handover;
        }
        catch (Exception failure) when (failure is IOException or LedgerCorruptException)
        {
            throw Fail(failure);
        }
        finally
        {
            _publishing.Release();
        }
    }

    /// <summary>Takes the next key if a handover to it is there: the process died between the two. Before anything is published.</summary>
    public static void FinishHandOver(LedgerPaths paths, Keyring keyring)
    {
        if (keyring.NextKey is not { } next) return;
        KeyHistory keys = new LedgerReader(paths.Ledger).ReadKeys(keyring.LedgerKeys.Signer.VerifierKey);
        if (keys.Handovers.Any(handover => handover.To.Equals(next))) keyring.TakeNextKey();
    }

    /// <summary>Names the keys in the hint, and where the handovers between them are.</summary>
    private static void ShowKeys(LedgerPaths paths, LedgerKeys keys)
    {
        byte[] hint = LedgerFiles.HintContent(new LedgerReader(paths.Ledger).ReadKeys(keys.Signer.VerifierKey));
        string path = Path.Combine(paths.Ledger, LedgerFiles.Hint);
        if (DurableFile.TryReadAll(path, SignedNote.LengthMax)?.AsSpan().SequenceEqual(hint) != true) DurableFile.Replace(path, hint);
    }
}
