using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Another signing key: the old one signs a last head, together with the new one.</summary>
public sealed partial class LedgerWriter
{
    /// <summary>Hands over to the keyring's next signing key at the head that is published then.
    /// Nothing else is published meanwhile, so the old key signs nothing greater. Durable when it returns.</summary>
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
            Handover handover = keyring.SignHandover(new LedgerReader(_paths.Ledger).ReadCheckpoint());
            Take(keyring, handover);
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

    /// <summary>Takes the keyring's next signing key: the bucket that the ledger lives in shows the handover to it.
    /// What is staged here and was shown to nobody is signed anew. Durable when it returns.</summary>
    public async Task TakeHandoverAsync(Keyring keyring, Handover handover, CancellationToken cancellationToken)
    {
        await _publishing.WaitAsync(cancellationToken);
        try
        {
            if (_failure is not null) throw Failed(_failure);
            Take(keyring, handover);
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

    private void Take(Keyring keyring, Handover handover)
    {
        using (ImmutableFiles files = new(_paths.Ledger, "handover"))
        {
            files.Stage(Handover.PathOf(handover.Checkpoint.Size), handover.Note.ToBytes());
            files.Commit();
        }
        // before anybody can have the new key, who could not find the old one by it
        ShowKeys(_paths, keyring.LedgerKeys);
        // from here on the new key signs: a start that finds the handover does the same
        keyring.TakeNextKey();
        Checkpoint head = LedgerReader.Of(_paths).ReadCheckpoint();
        Publisher.WriteHead(_paths, keyring.LedgerKeys, new GuardedHead(head.Size, head.Root));
    }

    /// <summary>Takes the next key if a handover to it is there: the process died between the two. Before anything is published.</summary>
    public static void FinishHandOver(LedgerPaths paths, Keyring keyring)
    {
        if (keyring.NextKey is not { } next) return;
        KeyHistory keys = new LedgerReader(paths.Ledger).ReadKeys(keyring.LedgerKeys.Signer.VerifierKey);
        if (keys.Handovers.Any(handover => handover.To.Equals(next))) keyring.TakeNextKey();
    }

    /// <summary>Throws if the ledger was handed over to a key that the keyring does not have: it is older than the handover.</summary>
    private static void RequireNewestKey(LedgerPaths paths, LedgerKeys keys)
    {
        VerifierKey own = keys.Signer.VerifierKey, newest = new LedgerReader(paths.Ledger).ReadKeys(own).Newest;
        if (!newest.Equals(own))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a keyring with the key that the ledger signs with now, {newest}, found one with {own}: "
                    + "it is older than the handover. Put back a backup that was made after it, with `indelible keys restore`");
        }
    }

    /// <summary>Names the keys in the hint, and where the handovers between them are.</summary>
    private static void ShowKeys(LedgerPaths paths, LedgerKeys keys)
    {
        byte[] hint = LedgerFiles.HintContent(new LedgerReader(paths.Ledger).ReadKeys(keys.Signer.VerifierKey));
        string path = Path.Combine(paths.Ledger, LedgerFiles.Hint);
        if (DurableFile.TryReadAll(path, SignedNote.LengthMax)?.AsSpan().SequenceEqual(hint) != true) DurableFile.Replace(path, hint);
    }
}
