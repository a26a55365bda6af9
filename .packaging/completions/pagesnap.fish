# Completion of capture and analyze in fish. The words come from the programs: 'PROGRAM --complete'.
function __pagesnap_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command $words[1] --complete $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case \tsnapshot
                __fish_complete_suffix "$current" .pagesnap
            case \tfile
                __fish_complete_path "$current"
            case \tdirectory
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c capture -f -a '(__pagesnap_words)'
complete -c analyze -f -a '(__pagesnap_words)'
