using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Files that are worth no flush: what they hold can be made again.</summary>
public static partial class DurableFile
{
    /// <summary>Opens a file for reading and writing anywhere in it, readable by its owner only;
    /// made empty if there is none, or if it is to begin anew.</summary>
    /// <param name="path">The file.</param>
    /// <param name="anew">Whether what it holds is thrown away.</param>
    public static SafeFileHandle OpenScratch(string path, bool anew) =>
        TryOpen(path, ReadWrite | CreateMissing | (anew ? Truncate : 0), SecretMode, expectedError: 0)!;
}
