namespace Indelible.Cli.Demo;

/// <summary>Tells the story to whoever watches. With --json all of it goes to standard error.</summary>
internal sealed class Narrator(TextWriter writer, bool isTerminal)
{
    private int step;

    /// <summary>A step of the story.</summary>
    public void Step(string text)
    {
        step++;
        writer.WriteLine();
        writer.WriteLine(Paint("1", $"{step}. {text}"));
    }

    /// <summary>A remark.</summary>
    public void Say(string text) => writer.WriteLine($"   {text}");

    /// <summary>A command as typed.</summary>
    public void Typed(string command) => writer.WriteLine(Paint("36", $"   $ {command}"));

    /// <summary>What a command printed, at most so many lines of it.</summary>
    public void Printed(string text, int linesMax = 14)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        foreach (string line in lines.Take(linesMax)) writer.WriteLine($"     {line}");
        if (lines.Length > linesMax) writer.WriteLine($"     … {lines.Length - linesMax} more lines");
    }

    private string Paint(string code, string text) => isTerminal ? $"\e[{code}m{text}\e[0m" : text;
}
